"""Pairs and their labels: schema, loaders, aggregation, agreement categories, splits, the synthetic set, the collator."""

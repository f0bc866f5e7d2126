"""The page of an experiment: figures, sections, and the HTML that holds them."""

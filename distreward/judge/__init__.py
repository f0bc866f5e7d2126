"""LLM judges: verdicts on pairs, scores of single responses, from an endpoint, a local model or a file."""

"""The paper's experiments: every way of training on one data set, over seeds and folds, and the tables they fill."""

"""The words of the page: what a reader needs who knows neither the paper nor the field."""

DEFINITIONS = (
    ("pair", "one prompt and two responses to it, A and B. Annotators are people who said which response is better."),
    (
        "label",
        "what one annotator said: A or B significantly better, slightly better, or a tie. Where the data only say who was "
        "preferred, slight preferences do not occur.",
    ),
    (
        "diverging",
        "a pair on which somebody prefers A, somebody prefers B, and somebody's preference is significant. Diverging "
        "substantially: one annotator finds A significantly better, another one B.",
    ),
    (
        "agree on a preference",
        "more than half of the annotators prefer the same response and nobody prefers the other. Agree on a tie: more than "
        "half say tie, and the pair is not diverging.",
    ),
    (
        "reward model",
        "a model that gives each response a number, the reward; the response with the higher one is the model's "
        "favourite. The difference of the two is the gap. Some models here give a distribution instead: how far people "
        "would differ about the response.",
    ),
    (
        "accuracy",
        "the share of people's choices that agree with the model's favourite. 0.5 is guessing; ties are left out.",
    ),
    (
        "AUROC",
        "how well a score finds diverging pairs: the chance that a diverging pair gets a higher score than another pair. "
        "0.5 is guessing, 1 is perfect; below 0.5 the score points the wrong way. The pairs compared have two or more annotators.",
    ),
    (
        "small gap, own score, probability",
        "three scores. Small gap (-|gap|): the closer the two rewards, the more divided people are thought to be; all that an ordinary "
        "reward model offers. Own score: what the paper proposes for the kind of model. Probability: the chance that as many annotators as a pair usually "
        "has would diverge, computed from the predicted shares of the labels (`diverging_probability`).",
    ),
    (
        "Jensen-Shannon distance",
        "how far the predicted shares of the labels are from those people gave: 0 is the same, 1 has nothing in common. "
        "With few annotators per pair even perfect predictions stay well above 0, so compare with the line of the average "
        "distribution, which says the same of every pair.",
    ),
    (
        "seed, fold",
        "each way of training was repeated from other random numbers (seeds) and, with folds, on other parts of the data, "
        "so that every pair was tested by a model that had not seen its prompt.",
    ),
)
"""Terms and what they mean here."""

TABLE_3 = (
    "Each line is a way of training, on the same pairs from the same base model. Aggregated labels: the majority of a pair's "
    "annotators; all labels: every annotator counts. Ensemble: the models of all seeds asked together. Whiskers and small numbers are 95 % bootstrap intervals: how far a value would move with other prompts of the "
    "same kind and other seeds; of an ensemble, whose seeds are taken together, with other prompts alone. The dotted lines in the figure are guessing."
)

COMPARISONS = (
    "Each line less Bradley-Terry on all labels, on the same pairs. p is the chance of a difference at least as large if there were "
    "none, corrected for the number of lines tested (Holm); below 0.05 is usually called significant. Probabilities of divergence are compared with "
    "Bradley-Terry's small gap, the best it offers."
)

DISTANCES = (
    "How far the shares of labels that a model predicts for a pair are from the shares its annotators gave; lower is better. What says the same of every pair, "
    "the average of the data, is what a model must beat: the second number of each pair of columns is the difference to it. Calibrated: up to three numbers per model "
    "were fitted on development pairs; that also gives shares of labels to models of one number. Log loss: minus the average log of the probability given to a label, in nats."
)

TABLE_2 = (
    "Do models know where people diverge? One that did would be less decided there. C is the response a model gives the higher "
    "reward, R the other; P(C > R) is the model's probability that a person prefers C (a tie counts half), 0.5 being undecided. "
    "Models trained on squared error predict ratings and give no such probability; for every model the gap is shown relative to its own typical size (root mean square), so that 1 is usual."
)

MAJORITY = (
    "The same with regard to people: the probability the model gives to the response that more people chose. A model can be "
    "decided and wrong."
)

HISTOGRAMS = (
    "How decided each model is, pair by pair; dashed: the mean. In brackets: pairs, counted once per seed. A model that cannot tell diverging pairs from the "
    "others shows the same shape in every strip."
)

DENSITY = (
    "How a mean-variance model turns rewards into labels: each reward is a distribution, so their difference is one too, and the area "
    "over a region is the probability of that label. Turned so that the response more people chose is on the right. A wide curve means that people are "
    "expected to differ. Left: for each kind of pair the one whose prediction is nearest to the average of its kind. In brackets: pairs, counted once per seed."
)

RELIABILITY = (
    "When a model says 30 %, does it happen in 30 % of the cases? On the dotted line it does; below it the model promises too much, "
    "above it too little. Each point holds about a tenth of the predictions; where many are the same there are fewer, larger points."
)

OWN_SCORE = (
    "A model of whole distributions gives the chance that people would diverge on a pair. Calibrated: a few numbers were fitted on "
    "development pairs; where a model has widths, one of them says how much the reward gap counts, as the paper's constant lambda does in its score. Differences are to the own "
    "score of the same models on the same pairs; p is corrected for the number of lines tested."
)

BRIER = (
    "Brier score: the mean squared difference between the predicted chance and what happened (1: people diverged, 0: they did not), "
    "each pair at its own number of annotators; lower is better. As trained, a model takes the annotators of a pair for independent draws, which "
    "tends to promise too much. What must be beaten is to say of every pair how many of all diverge."
)

BREAKDOWN = (
    "The same metrics on parts of the data. A dash: not defined on this part, since it has no diverging pair or no other. A value without "
    "interval: fewer than 10 pairs of a kind or fewer than 5 prompts, too few to say how sure it is. With folds each run is measured "
    "on its own part of the test pairs and the values are averaged."
)

NO_STRENGTH = (
    "The labels of this data only say A, tie or B: nobody could say how strong a preference is. They are read as significant, "
    "slight labels do not occur, and what a model expects of slight and significant labels is added up side by side."
)

NO_SCORES = "The data has no ratings of single responses, so the ways of training that learn from ratings are left out."

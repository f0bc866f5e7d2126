"""`audit_judges`: everything the audit says of every judge, in the shape `results.json` promises."""

from collections.abc import Mapping
from typing import Any

from distreward.judge.audit.agreement import majority_agreement
from distreward.judge.audit.biases import length_bias, position_bias
from distreward.judge.audit.judged import JudgedPairs
from distreward.judge.audit.sentences import verdict_sentences
from distreward.judge.audit.winners import ideal_judge, winner_rates
from distreward.metrics.ratios import holm


def audit_judges(
    judged: Mapping[str, JudgedPairs], n_bootstrap: int = 2000, seed: int = 0
) -> dict[str, dict[str, Any]]:
    """Audit one judge or several on the same data.

    Args:
        judged: per judge, its pairs (`judged.judged_pairs`).
        n_bootstrap: bootstrap draws over prompts behind intervals and p-values; 0 for none.
        seed: of the bootstrap.

    Returns:
        Per judge the keys of `winners.winner_rates`, `agreement.majority_agreement`, `biases.position_bias`,
        `biases.length_bias`, and `ideal` (`winners.ideal_judge`), `n_pairs`, `n_unparsed`, `n_both_orders`, `verdict`: the
        findings in plain sentences. Every comparison between categories has `p_holm` besides: its p-value adjusted by
        Holm's method for all comparisons of all judges in this call.

    >>> from distreward.judge.audit.judged import judged_pairs
    >>> from distreward.judge.verdicts import PairVerdict
    >>> pairs = [{"id": str(i), "prompt": [{"role": "user", "content": f"Question {i}"}], "response_a": "Yes.",
    ...           "response_b": "No, never.", "preferences": labels, "meta": "{}"}
    ...          for i, labels in enumerate([[2, -2], [2, 2], [0, 0]])]
    >>> verdicts = [PairVerdict(str(i), "one", level, "unknown") for i, level in enumerate([2, 2, 0])]
    >>> audit = audit_judges(judged_pairs(pairs, verdicts), n_bootstrap=0)["one"]
    >>> audit["winner_rate"]["diverging"]["value"], audit["ideal"]["missing_ties"]["value"]  # 2/3 ideal ties, 1/3 said
    (1.0, 0.3333333333333333)
    """
    audits = {}
    for name, pairs in judged.items():
        audits[name] = {
            "n_pairs": len(pairs.level),
            "n_unparsed": pairs.n_unparsed,
            "n_both_orders": int(pairs.both_orders.sum()),
            **winner_rates(pairs, n_bootstrap, seed),
            **majority_agreement(pairs, n_bootstrap, seed),
            **position_bias(pairs, n_bootstrap, seed),
            **length_bias(pairs, n_bootstrap, seed),
            "ideal": ideal_judge(pairs, n_bootstrap, seed),
        }
    tests = [comparison for audit in audits.values() for comparison in audit["comparisons"]]
    for comparison, adjusted in zip(tests, holm([test["p_value"] for test in tests]), strict=True):
        comparison["p_holm"] = adjusted
    for name, audit in audits.items():
        audit["verdict"] = verdict_sentences(name, audit)
    return audits

"""The audit of a judge: Table 4, agreement with people, biases, and what an ideal judge would do differently."""

from distreward.judge.audit.auditing import audit_judges
from distreward.judge.audit.judged import JudgedPairs, judged_pairs

__all__ = ["JudgedPairs", "audit_judges", "judged_pairs"]

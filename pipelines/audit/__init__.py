"""The audit: rows held against what their tables declare. The only door to Great Expectations."""

from pipelines.audit.page import put_report
from pipelines.audit.suite import AuditReport, Check, Failure, Violation, audit

__all__ = ["AuditReport", "Check", "Failure", "Violation", "audit", "put_report"]

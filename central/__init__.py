"""Every gate: ledger, aggregate, feeds, and the pages that staff watch."""

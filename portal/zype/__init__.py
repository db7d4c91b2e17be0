"""Everything that knows Zype's wire format, and nothing that knows Flask, the ledger or a page."""

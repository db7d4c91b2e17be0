"""The rules: link, unlink and undo a TV, reconcile a lost answer, and keep one attempt in flight."""

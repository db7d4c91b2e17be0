"""Hand-off sign-in: the operator's own site knows the viewer, and sends the browser here with a signed token."""

"""The accounts of the support staff: passwords, roles and the second factor."""

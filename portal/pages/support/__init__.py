"""The console of the operator's support staff: finding a viewer, linking and unlinking for them, and the history."""

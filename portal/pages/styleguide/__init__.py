"""The styleguide: every component in every state, in sandbox mode alone."""

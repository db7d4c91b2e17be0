"""The command zype-activate, and what serve, demo and check run."""

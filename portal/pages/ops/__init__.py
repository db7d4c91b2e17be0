"""What operators watch: health pages and metrics."""

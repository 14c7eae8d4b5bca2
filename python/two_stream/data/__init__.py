"""Lists, frames, means, and how the flow was made."""

"""Running models inside the API: compute threads, loaded models, and what a request sends in."""

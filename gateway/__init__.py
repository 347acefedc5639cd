"""REST, SSE and OpenAI's API over the four services, derived from their contract; and the web page."""

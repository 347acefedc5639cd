"""`POST /v1/responses`: OpenAI's newer form of a chat, over the same chat. Nothing is kept between two requests."""

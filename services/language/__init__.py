"""What every service knows of languages: one file a language, and the tools that read them."""

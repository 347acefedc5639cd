"""Where weights come from: a folder, a hub, packages. Each delivers one verified file."""

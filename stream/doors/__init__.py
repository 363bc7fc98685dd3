"""The ASGI application: every route, who may use it, and what it answers."""

"""Widgets that several pages share. Not pages: `app.py` names the pages one by one."""

"""Notify users and programs that a drop has ended: webhook, mail, chat services, the team's programs."""

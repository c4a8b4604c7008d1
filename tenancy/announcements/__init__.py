"""Announcements (お知らせ): what the operator tells chosen tenants, until when it is shown, and who confirmed it.

Not here: mails. An announcement is read in the console.
"""

"""The console: pages for people, in Japanese first. Each page reads through the rooms' queries and changes by commands.

One module for each room of pages; `door` says which there are. What a role may see is the guard's and the scope's
business; what is worth showing first is decided here. No rule of the trade and no SQL belongs in this room.
"""

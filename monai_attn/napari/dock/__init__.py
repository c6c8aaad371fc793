"""The one dock of the plugin: a tab for each step from the image to the saved mask.

`window` is the dock, `tabs` names the panels, `place` fits the dock to the screen, `lead` leads from the names of the
single panels to their tabs. What a panel does stands in the panel's own room.
"""

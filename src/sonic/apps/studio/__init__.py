"""Sonic Studio: the web page and its HTTP interface, for people who never open a terminal.

A front end like the others: the work is done by sonic.Session and what lies below it. What is kept (uploads, jobs,
videos, tokens) lies in one folder, and whoever kills the server at any moment finds it as it was.
"""

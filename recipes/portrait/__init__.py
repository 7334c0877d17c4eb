"""The bundled portrait: a person who does not exist, drawn by this code alone."""

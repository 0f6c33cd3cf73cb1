"""Write numbers as people do: powers of ten, minus signs, no line break before a per cent sign."""

import re

from docutils import nodes
from sphinx.transforms import SphinxTransform

from dlnlib.book import spell


class SpellNumbers(SphinxTransform):
    """Spell what cells have told, and keep per cent signs with their numbers."""

    default_priority = 500

    def apply(self):
        """Change the text of a page."""
        for told in self.document.findall(nodes.inline):
            if "pasted-text" in told["classes"]:
                told.children = [nodes.Text(spell(told.astext()))]
                told.setup_child(told.children[0])
        for text in list(self.document.findall(nodes.Text)):
            if not isinstance(text.parent, nodes.literal | nodes.literal_block | nodes.math):
                joined = re.sub(r"(?<=\d) (?=%)|^ (?=%)", "\N{NO-BREAK SPACE}", text)
                if joined != text:
                    text.parent.replace(text, nodes.Text(joined))


def setup(app):
    """Register the extension."""
    app.add_transform(SpellNumbers)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

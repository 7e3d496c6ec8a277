"""CloudFormation without AWS: templates are loaded and rendered for given parameters, nested stacks included.

What only AWS can know (identifiers, addresses, ARNs) renders as a text such as `⟨state/Bucket.Arn⟩`, which keeps its
meaning inside longer texts: `referred` tells what a text points to, and `Rendered.target` follows it. What is unknown
or cannot be resolved is an error, never a guess.
"""

from support.cloudformation.names import Reference, only_reference, reference, referred
from support.cloudformation.rendering import Rendered, Resource, render
from support.cloudformation.templates import TemplateError, Templates, load_folder, load_text

__all__ = [
    "Reference",
    "Rendered",
    "Resource",
    "TemplateError",
    "Templates",
    "load_folder",
    "load_text",
    "only_reference",
    "reference",
    "referred",
    "render",
]

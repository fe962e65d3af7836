"""Reads the public names of C++ headers laid out as ours are, with their docstrings.

A docstring is the `///` lines above a declaration, or the comment behind it on its line. Overloads
stand together, and one of them has it. A member may instead be named, `in backticks`, by the
docstring of its class. An op (a struct with a `name` in ops/) has the head of its file. Left out are
namespaces called detail, what is not public, deleted and defaulted functions, and constructors
without a docstring: their class has one.
"""

import dataclasses
import pathlib
import re

TOKEN = re.compile(
    r"""(?P<doc>///<?[^\n]*)|(?P<comment>//[^\n]*|/\*.*?\*/)
    |(?P<directive>^[ \t]*\#(?:[^\n]*\\\n)*[^\n]*)
    |(?P<text>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])+')
    |(?P<word>[A-Za-z_]\w*)|(?P<number>\d[\w.']*)|(?P<sign>::|->|\[\[|\]\]|[^\s\w])""",
    re.VERBOSE | re.MULTILINE | re.DOTALL,
)
# What types have so that others can work with them: nobody looks it up.
CUSTOMARY = {"value_type", "Strides", "parts", "begin", "end", "operator=", "operator bool"}
# Fields that mean the same in every struct of options, and so have no docstring in each.
FIELDS = {
    "n_layers": "Blocks",
    "d_model": "Width of the residual stream",
    "n_heads": "Attention heads",
    "d_head": "Width of q, k, v and z of a head",
    "d_mlp": "Hidden width of the MLP",
    "d_vocab": "Tokens that may go in, 0 to d_vocab - 1",
    "d_vocab_out": "Tokens that may come out, 0 to d_vocab_out - 1",
    "act_fn": "Activation function of the MLP",
    "normalization": "The kind of norm",
    "causal": "Whether a query sees keys up to its own position alone",
    "eps": "What keeps a division from being one by 0",
    "lr": "Learning rate",
    "weight_decay": "Weight decay, as the struct's formula has it",
    "betas": "How much of the first and second moment a step keeps",
    "seed": "What the random numbers come from",
}
# What every op has (ops/op.hpp), and the functions of pointwise ones (ops/pointwise.hpp).
OP_PARTS = {"name", "inputs", "row_inputs", "Args", "shape", "saved", "forward", "backward", "samples"}
OP_PARTS |= {"value", "slope", "kName"}


@dataclasses.dataclass
class Token:
    kind: str
    text: str
    line: int
    begins_line: bool


@dataclasses.dataclass
class Entry:
    name: str  # "Tensor::item"
    header: str  # "core/tensor.hpp"
    line: int
    doc: str = ""
    count: int = 1  # overloads
    is_function: bool = False
    is_constructor: bool = False
    is_type: bool = False
    values: list[str] = dataclasses.field(default_factory=list)  # of an enum


def tokens_of(text: str) -> list[Token]:
    found, line, last, last_line = [], 1, 0, 0
    for match in TOKEN.finditer(text):
        line += text.count("\n", last, match.start())
        last = match.start()
        found.append(Token(match.lastgroup, match[0], line, line != last_line))
        last_line = line + match[0].count("\n")
    return [token for token in found if token.kind != "directive"]


def balanced(tokens: list[Token], i: int, opening: str, closing: str) -> int:
    """Behind what closes the bracket at i."""
    depth = 0
    while i < len(tokens):
        if tokens[i].kind == "sign":
            depth += (tokens[i].text == opening) - (tokens[i].text == closing)
        i += 1
        if depth == 0:
            return i
    raise ValueError(f"line {tokens[-1].line}: no {closing} to a {opening}")


def without_prefixes(words: list[Token]) -> list[Token]:
    """A declaration without template heads, leading requires clauses and attributes."""
    i = 0
    while i < len(words) and words[i].text in ("template", "requires", "[["):
        if words[i].text == "template":
            i = balanced(words, i + 1, "<", ">")
        elif words[i].text == "[[":
            i = balanced(words, i, "[[", "]]")
        else:
            i = behind_constraint(words, i + 1)
    return words[i:]


def behind_constraint(words: list[Token], i: int) -> int:
    """Behind `(x)`, `requires(x)` (its body is gone) or `a::b<c>` at i, joined by && and ||."""
    while i < len(words):
        if words[i].text == "requires":
            i += 1
        if i < len(words) and words[i].text == "(":
            i = balanced(words, i, "(", ")")
        elif words[i - 1].text != "requires" or words[i - 2].text != "requires":
            i += 1
            while i < len(words) and (words[i].text in ("::", "<") or words[i - 1].text == "::"):
                i = balanced(words, i, "<", ">") if words[i].text == "<" else i + 1
        if i >= len(words) or words[i].text not in ("&", "|"):
            return i
        i += 2
    return i


def named(words: list[Token]) -> tuple[list[str], bool]:
    """The names that a declaration declares, and whether it is a function."""
    angles = depth = 0
    names, last = [], ""
    for i, token in enumerate(words):
        if token.text == "operator":
            end = i + 1
            while words[end].text != "(" or end == i + 1:
                end += 1
            parts = [t.text for t in words[i + 1 : end]]
            gap = " " if parts[0][0].isalpha() else ""
            return ["operator" + gap + "".join(parts).replace("const", "const ")], True
        if token.text in "([{" and angles == 0:
            if token.text == "(" and depth == 0 and last and words[i - 1].text not in (
                "decltype", "alignas", "noexcept", "explicit"):
                return [last], True
            depth += 1
        elif token.text in ")]}" and angles == 0:
            depth -= 1
        elif depth > 0:
            continue
        elif token.text == "<" and i > 0 and words[i - 1].kind == "word":
            angles += 1
        elif token.text == ">" and angles > 0:
            angles -= 1
        elif angles > 0:
            continue
        elif token.text == "=":
            depth += 1000  # what stands behind it is a value, up to the next comma
            names.append(last)
            rest = split_at_comma(words[i + 1 :])
            return names + (named(rest)[0] if rest else []), False
        elif token.text == "," and last:
            names.append(last)
            last = ""
        elif token.kind == "word":
            last = token.text
    return names + [last], False


def split_at_comma(words: list[Token]) -> list[Token]:
    """What stands behind the first comma outside of brackets, with nothing for none."""
    depth = 0
    for i, token in enumerate(words):
        depth += token.text in "([{<"
        depth -= token.text in ")]}>"
        if token.text == "," and depth <= 0:
            return words[i + 1 :]
    return []


class Reader:
    """Reads the public names of one header."""

    def __init__(self, header: str, text: str):
        self.header, self.tokens = header, tokens_of(text)
        self.entries: list[Entry] = []
        head = text.split("#pragma once")[0]
        self.head = re.sub(r"^// ?", "", head, flags=re.MULTILINE).strip()
        if self.scope(0, "", True, None) < len(self.tokens):
            raise ValueError("a } too much")

    def scope(self, i: int, prefix: str, public: bool, owner: Entry | None) -> int:
        """Reads declarations up to the end or the closing brace; returns the place behind it."""
        tokens = self.tokens
        docs: list[Token] = []
        begin = i
        while i < len(tokens):
            token = tokens[i]
            if token.kind == "doc" and token.begins_line:
                if docs and docs[-1].line != token.line - 1:
                    docs = []
                docs.append(token)
                i += 1
            elif token.kind in ("doc", "comment") or token.text == ";":
                i += 1
            elif token.text == "}":
                return i + 1
            elif token.text in ("public", "private", "protected") and tokens[i + 1].text == ":":
                public = token.text == "public"
                i += 2
            else:
                attached = docs and docs[-1].line == token.line - 1
                doc = "\n".join(re.sub(r"^///<? ?", "", d.text) for d in docs) if attached else ""
                i = self.declaration(i, prefix, public, owner, doc)
                docs = []
        if begin > 0:
            raise ValueError(f"line {tokens[begin - 1].line}: a {{ without }}")
        return i

    def declaration(self, i: int, prefix: str, public: bool, owner: Entry | None, doc: str) -> int:
        tokens, start = self.tokens, self.tokens[i]
        words: list[Token] = []
        has_value = False
        while True:
            token = tokens[i]
            if token.kind in ("doc", "comment"):
                i += 1
            elif token.text == ";":
                i += 1
                break
            elif token.text == "(":
                end = balanced(tokens, i, "(", ")")
                words += [t for t in tokens[i:end] if t.kind not in ("doc", "comment")]
                i = end
            elif token.text == "{":
                plain = without_prefixes(words)
                kind = [w.text for w in plain[:3]] + [""]
                if not has_value and "namespace" in kind[:2]:
                    return self.namespace(plain, i, prefix, public)
                if not has_value and kind[0] in ("class", "struct", "enum", "union"):
                    i = self.type(plain, i, prefix, public, start, doc)
                    if tokens[i].text == ";":
                        i += 1
                    return i
                i = balanced(tokens, i, "{", "}")
                if has_value or not plain or tokens[i].text in (",", "{", ";", ")"):
                    continue  # an initializer, or the body of a leading requires
                break
            else:
                operator = bool(words) and words[-1].text in ("operator", "!", "=", "<", ">", "+",
                                                              "-", "*", "/", "^")
                inside = [w.text for w in words]
                if token.text == "=" and not operator and self.angles(words) == 0:
                    has_value = "operator" not in inside or tokens[i + 1].text not in ("=", "(")
                words.append(token)
                i += 1
        line_end = tokens[i - 1].line
        if not doc and i < len(tokens) and not tokens[i].begins_line and tokens[i].kind in (
                "doc", "comment") and tokens[i].line == line_end:
            doc = re.sub(r"^//+<? ?", "", tokens[i].text)
        if public:
            self.add(words, prefix, owner, start, doc)
        return i

    @staticmethod
    def angles(words: list[Token]) -> int:
        depth = 0
        for i, word in enumerate(words):
            if word.text == "<" and (words[i - 1].kind == "word" and words[i - 1].text != "operator"):
                depth += 1
            elif word.text == ">" and depth > 0:
                depth -= 1
        return depth

    def namespace(self, words: list[Token], i: int, prefix: str, public: bool) -> int:
        names = [w.text for w in words if w.kind == "word" and w.text not in ("namespace", "inline")]
        if not names or "detail" in names:
            return balanced(self.tokens, i, "{", "}")
        own = "".join(f"{name}::" for name in names if name != "hooked")
        return self.scope(i + 1, prefix + own, public, None)

    def type(self, words: list[Token], i: int, prefix: str, public: bool, start: Token,
             doc: str) -> int:
        head = [w for w in words[1:] if w.text != "class"]
        colon = next((n for n, w in enumerate(head) if w.text == ":"), len(head))
        name = next((w.text for w in head[:colon] if w.kind == "word" and not (
            w.text.startswith("HOOKED_") or w.text == "final")), "")
        entry = Entry(prefix + name, self.header, start.line, doc, is_type=True)
        if not public or not name or "<" in [w.text for w in head[:colon]]:  # or a specialization
            return balanced(self.tokens, i, "{", "}")
        if words[0].text == "enum":
            values, end = [], balanced(self.tokens, i, "{", "}")
            depth = 0
            for token, before in zip(self.tokens[i + 1 : end], self.tokens[i:end]):
                depth += (token.text == "(") - (token.text == ")")
                if token.kind == "word" and before.text in ("{", ",") and depth == 0:
                    values.append(token.text)
                elif token.kind == "word" and before.kind in ("doc", "comment"):
                    values.append(token.text)
            entry.values = values
            self.entries.append(entry)
            return end
        body = self.tokens[i : balanced(self.tokens, i, "{", "}")]
        texts = [t.text for t in body]
        if self.is_op_file() and prefix == "" and not doc:
            entry.doc = self.head
        if not (self.header.startswith("ops/") and name == "Args"):
            self.entries.append(entry)
        return self.scope(i + 1, f"{prefix}{name}::", words[0].text != "class", entry)

    def add(self, words: list[Token], prefix: str, owner: Entry | None, start: Token,
            doc: str) -> None:
        plain = without_prefixes(words)
        texts = [w.text for w in plain]
        if not texts or texts[0] in ("friend", "static_assert", "extern", "template", "namespace"):
            return
        if texts[0] in ("class", "struct", "enum") and "(" not in texts:
            return  # declared ahead
        if texts[-2:] in (["=", "default"], ["=", "delete"]) or texts[-1] == "override":
            return
        if texts[0] == "using" and "=" not in texts:
            return  # a base's member
        in_class = owner.name.split("::")[-1] if owner else ""
        if "~" in texts[:2] or (owner is None and "->" in texts and texts[0][0].isupper()):
            return  # a destructor; a deduction guide
        if texts[0] in ("using", "concept"):
            names, is_function = [texts[1]], False
        else:
            names, is_function = named(plain)
        first = "operator" if names[0].startswith("operator") else names[0]
        place = texts.index(first) if first in texts else 0
        if place > 0 and texts[place - 1] == "::" and not owner:
            return  # the definition of a member
        for name in names:
            if owner and name in CUSTOMARY:
                continue
            if name.startswith("operator ") and name[9].isupper():
                continue  # a conversion
            of_op = owner and self.header.startswith("ops/") and not prefix.endswith("Args::")
            if of_op and name in OP_PARTS:
                continue
            if not owner and self.is_op_file() and not doc:
                doc = self.head
            constructor = is_function and name == in_class
            self.entries.append(Entry(prefix + name, self.header, start.line, doc,
                                      is_function=is_function, is_constructor=constructor))

    def is_op_file(self) -> bool:
        """Whether the head of the file, "name: formula", is the docstring of what it defines."""
        stem = pathlib.PurePath(self.header).stem
        return self.header.startswith("ops/") and bool(re.match(rf"{stem}\b", self.head))


def first_sentence(doc: str) -> str:
    """Up to the first full stop; a paragraph, a list or an example ends it, too."""
    lines = []
    for line in doc.splitlines():
        if not line.strip() or line.startswith(("  ", " - ")):
            if lines:
                break
            continue
        lines.append(line.strip())
    text = " ".join(lines)
    end = re.search(r"(?<![ .])(?<!e\.g)(?<!i\.e)[.](?=\s|$)|(?<=[.]{2})[.](?=\s+[A-Z])", text)
    return (text[: end.end()] if end else text).rstrip(":;,. ") + "." if text else ""


def entries_of(include: pathlib.Path) -> tuple[list[Entry], list[str]]:
    """All public names, overloads as one, and an error for every one without a docstring."""
    found, errors = [], []
    for path in sorted(include.rglob("*.hpp")):
        if path.name.startswith("not_"):
            continue  # what there is not, and the text that says so
        header = path.relative_to(include).as_posix()
        if "/" not in header:
            continue
        try:
            found += Reader(header, path.read_text(encoding="utf-8")).entries
        except (ValueError, IndexError) as error:
            errors.append(f"{path}: cannot be read: {error}")
    merged: dict[tuple[str, str], Entry] = {}
    for entry in found:
        known = merged.setdefault((entry.header, entry.name), entry)
        if known is not entry:
            known.count += 1
            known.doc = known.doc or entry.doc
    documented = {(e.header.split("/")[0], e.name) for e in merged.values() if e.doc}
    by_name = {entry.name: entry for entry in merged.values() if entry.is_type}
    for entry in list(merged.values()):
        if entry.doc:
            continue
        owner, _, own = entry.name.rpartition("::")
        if owner in by_name:
            whole = " ".join(by_name[owner].doc.split())
            said = re.search(
                rf"[^.;:,]*(?:`{re.escape(own)}`|\b{re.escape(own)} \[)[^.;]*", whole)
            entry.doc = said[0].strip() if said else ""
        if own in FIELDS and not entry.is_function:
            entry.doc = FIELDS[own]
        if entry.doc:
            continue
        apart = entry.is_function and (entry.header.split("/")[0], entry.name) in documented
        if entry.is_constructor or apart:  # a definition in another header than its declaration
            del merged[entry.header, entry.name]
        else:
            path = include / entry.header
            errors.append(f"{path}:{entry.line}: {entry.name} has no docstring (///)")
    return list(merged.values()), errors

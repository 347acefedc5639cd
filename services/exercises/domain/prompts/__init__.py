"""What models are asked: a module a task with the type of its answer, and a text a task and language.

The texts are the files `zh/*.md` and `en/*.md`. In such a file each `# heading` begins a section. The sections
`# system`, `# user` and `# assistant` are the messages of the conversation, in order; any other is a part, which takes
the place of its name in braces. Other names in braces are filled in when the model is asked.

`question.md` is the conversation that asks for a question of any kind; the file of a kind has the parts.

What a model answers is cut out of its text by `completion.json_object` and read by `StructuredAnswer.decode`.
"""

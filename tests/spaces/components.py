"""Each component, in and out: a function for each, which writes down what came in and answers by the same component."""

import base64
import importlib
import io
import os
import runpy
import sys
import tempfile
import time
from pathlib import Path

import gradio as gr
import numpy as np
import pandas as pd
from gradio.components.plot import PlotData
from painter import note
from PIL import Image

FOLDER = Path(tempfile.mkdtemp(dir=os.environ.get("TMPDIR")))
#: Films and sounds that can be played, made without a codec.
samples = runpy.run_path(str(Path(__file__).parents[2] / "providers" / "echo" / "samples.py"))
MAJOR = int(gr.__version__.partition(".")[0])


def shape(value):
    """What came in, as JSON: files as their endings and sizes, pictures as their sides."""
    if isinstance(value, np.ndarray):
        return ["pixels", *value.shape]
    if isinstance(value, Image.Image):
        return ["picture", *value.size]
    if isinstance(value, pd.DataFrame):
        return {"columns": [str(name) for name in value.columns], "rows": value.to_numpy().tolist()}
    if hasattr(value, "model_dump"):
        return shape(value.model_dump())
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [shape(item) for item in value]
    if isinstance(value, str) and len(value) < 500 and value and Path(value).is_file():
        return ["file", Path(value).suffix, Path(value).stat().st_size]
    return value


def written(name, data):
    path = FOLDER / f"{time.time_ns()}-{name}"
    path.write_bytes(data)
    return str(path)


def paint(colour="teal", side=64):
    return Image.new("RGB", (side, side), colour)


def film():
    return written("film.webm", samples["film"]([png()] * 2))


def drawing():
    # What Gradio makes of a figure of matplotlib, which is not there in every environment.
    return PlotData(type="matplotlib", plot=source())


def masked():
    mask = np.zeros((64, 64))
    mask[16:48, 16:48] = 1
    return paint(), [(mask, "cat"), ((4, 4, 20, 20), "dog")]


def layered():
    layer = Image.new("RGBA", (64, 64))
    layer.paste((255, 0, 0, 255), (8, 8, 24, 24))
    whole = paint().convert("RGBA")
    whole.alpha_composite(layer)
    return {"background": paint(), "layers": [layer], "composite": whole}


def conversation(pairs):
    if pairs:
        return [("hello", "Hi."), ("and now?", "Now this.")]
    return [
        {"role": "user", "content": "how warm?"},
        {"role": "assistant", "content": "asking the weather", "metadata": {"title": "Used the tool weather"}},
        {"role": "assistant", "content": "It is warm."},
    ]


#: The name in the API, how it is made, and what it answers; without an answer, what came in.
ECHO = object()
CASES = {
    "image": (lambda: gr.Image(type="pil"), paint),
    "imageeditor": (lambda: gr.ImageEditor(type="pil"), layered),
    "imagemask": (lambda: gr.ImageMask(type="pil"), layered),
    "imageslider": (lambda: gr.ImageSlider(type="pil"), lambda: (paint("red"), paint("blue"))),
    "annotatedimage": (gr.AnnotatedImage, masked),
    "gallery": (lambda: gr.Gallery(type="pil"), lambda: [(paint("red"), "seed 11"), (paint("blue"), "seed 12")]),
    "plot": (gr.Plot, drawing),
    "video": (gr.Video, film),
    "audio": (lambda: gr.Audio(type="filepath"), lambda: written("tone.wav", samples["sound"](0.1))),
    "model3d": (gr.Model3D, lambda: written("cube.glb", samples["mesh"]())),
    "file": (gr.File, lambda: written("all.zip", samples["archive"]("hi"))),
    "files": (lambda: gr.File(file_count="multiple"), lambda: [written("a.csv", b"a,b\n"), written("b.txt", b"hi")]),
    "downloadbutton": (gr.DownloadButton, lambda: written("all.zip", samples["archive"]("hi"))),
    "uploadbutton": (gr.UploadButton, lambda: written("all.zip", samples["archive"]("hi"))),
    "textbox": (gr.Textbox, ECHO),
    "code": (gr.Code, ECHO),
    "colorpicker": (gr.ColorPicker, ECHO),
    "datetime": (lambda: gr.DateTime(type="string"), ECHO),
    "html": (gr.HTML, lambda: f"<p>Here:</p>{inline()}"),
    "markdown": (gr.Markdown, lambda: f"# Here\n\n![it]({source()})"),
    "multimodaltextbox": (gr.MultimodalTextbox, lambda: {"text": "see", "files": [written("a.png", png())]}),
    "chatbot": (lambda: gr.Chatbot(**({} if MAJOR >= 6 else {"type": "messages"})), lambda: conversation(False)),
    "chatbot_pairs": (lambda: gr.Chatbot(type="tuples"), lambda: conversation(True)),
    "dialogue": (lambda: gr.Dialogue(speakers=["Ada", "Bob"]), lambda: [{"speaker": "Ada", "text": "Hello."}]),
    "number": (gr.Number, ECHO),
    "slider": (lambda: gr.Slider(0, 10, 5), ECHO),
    "checkbox": (gr.Checkbox, ECHO),
    "radio": (lambda: gr.Radio([2, 4, 8], value=2), ECHO),
    "dropdown": (lambda: gr.Dropdown(["a", "b", "c"]), ECHO),
    "dropdown_several": (lambda: gr.Dropdown(["a", "b", "c"], multiselect=True), ECHO),
    "checkboxgroup": (lambda: gr.CheckboxGroup(["a", "b", "c"], value=["a"]), ECHO),
    "json": (gr.JSON, ECHO),
    "fileexplorer": (lambda: gr.FileExplorer(root_dir=str(FOLDER)), lambda: [str(FOLDER / "a.txt")]),
    "paramviewer": (lambda: gr.ParamViewer({}), ECHO),
    "nativeplot": (
        lambda: gr.LinePlot(x="x", y="y"),
        lambda: pd.DataFrame({"x": [1, 2], "y": [3, 4]}),
    ),
    "dataframe": (lambda: gr.Dataframe(headers=["name", "score"]), ECHO),
    "label": (gr.Label, lambda: {"cat": 0.9, "dog": 0.1}),
    "highlightedtext": (gr.HighlightedText, lambda: [("Ada", "person"), (" ran", None)]),
    "workflowcanvas": (lambda: gr.WorkflowCanvas(value=None), lambda: "{}"),
    "state": (gr.State, lambda: {"secret": 1}),
    "browserstate": (lambda: gr.BrowserState({"seen": 1}), lambda: {"seen": 2}),
    "button": (lambda: gr.Button("again"), lambda: "again"),
}


def png():
    buffer = io.BytesIO()
    paint("orange").save(buffer, "PNG")
    return buffer.getvalue()


def source():
    return "data:image/png;base64," + base64.b64encode(png()).decode()


def inline():
    return f'<img src="{source()}">'


def exists(name):
    """Whether this line of Gradio has the component, as the app would name it."""
    try:
        CASES[name][0]()
    except (AttributeError, TypeError):
        return False
    return True


def function(name, answer):
    def run(value=None):
        note(name, None, value=shape(value))
        return value if answer is ECHO else answer()

    run.__name__ = name
    return run


def typed(value: dict) -> dict:
    note("api", None, value=shape(value))
    return value


def beside(value):
    return {"secret": 1}, value, 7


#: Components that nobody knows, as packages bring them. Gradio writes a file beside the source of a component's class.
(FOLDER / "unknown.py").write_text(
    """
import gradio as gr

class Mystery(gr.JSON):
    pass

class Photo(gr.Image):
    "It takes a file as it is."

class Retouch(gr.ImageEditor):
    "It takes a file in a shape of its own."
""",
    encoding="utf-8",
)
sys.path.append(str(FOLDER))
unknown = importlib.import_module("unknown")


def odd(value):
    note("odd", None, value=shape(value))
    return {"picture": "none"}


def told_film():
    """A film with subtitles: a pair before Gradio 6, an update of the component from 6 on."""
    words = written("words.vtt", b"WEBVTT\n\n00:00.000 --> 00:01.000\nHello\n")
    return gr.Video(value=film(), subtitles=words) if MAJOR >= 6 else (film(), words)


def streamed(value):
    for end in range(1, 4):
        time.sleep(0.3)
        yield "one two three"[: end * 4]


def chat(value):
    for end in range(1, 4):
        time.sleep(0.3)
        said = "one two three"[: end * 4]
        yield [{"role": "user", "content": value}, {"role": "assistant", "content": said}]


def answer(message, history):
    for end in range(1, 4):
        time.sleep(0.3)
        yield "one two three"[: end * 4]


with gr.Blocks() as demo:
    for name, (make, answered) in CASES.items():
        if exists(name):
            # A text beside it, and a state before it, as apps have them.
            into, out = make(), make()
            gr.Button(name).click(function(name, answered), [into], [out], api_name=name)
    prompt = gr.Textbox(label="value")
    memory = gr.BrowserState({"seen": 1}) if hasattr(gr, "BrowserState") else gr.State()
    gr.Button("photo").click(odd, [unknown.Photo(type="pil")], [unknown.Mystery(label="Odd")], api_name="photo")
    gr.Button("retouch").click(odd, [unknown.Retouch(type="pil")], [unknown.Mystery(label="Odd")], api_name="retouch")
    gr.Button("told").click(told_film, None, [gr.Video()], api_name="video_subtitles")
    gr.Button("beside").click(
        lambda value: (*beside(value), {"seen": 2}),
        [prompt],
        [gr.State(), gr.Textbox(), gr.Number(label="seconds"), memory],
        api_name="beside",
    )
    gr.Button("streamed").click(streamed, [prompt], [gr.Textbox(label="answer")], api_name="streamed")
    talk = gr.Chatbot(**({} if MAJOR >= 6 else {"type": "messages"}))
    gr.Button("chat").click(chat, [prompt], [talk], api_name="chat_steps")
    gr.ChatInterface(
        answer, **({} if MAJOR >= 6 else {"type": "messages"}), **({} if MAJOR < 5 else {"api_name": "chat"})
    )
    if hasattr(gr, "api"):  # from 5.5 on
        gr.api(typed, api_name="api")

if __name__ == "__main__":
    demo.queue(default_concurrency_limit=4).launch()

"""Systems 4 and 6: the two functions of deepseek-ai/Janus-Pro-7B, with the real Space's parameter names."""

import random

import gradio as gr
from painter import note, paint, steps

# As on the Space, where a ZeroGPU worker's exception arrives as its bare class name.
NEEDS_IMAGE = "AttributeError"


def multimodal_understanding(image, question, seed, top_p, temperature, request: gr.Request = None):
    shape = None if image is None else list(image.shape)
    note(
        "multimodal_understanding",
        request,
        image=shape,
        question=question,
        seed=seed,
        top_p=top_p,
        temperature=temperature,
    )
    if image is None:
        raise gr.Error(NEEDS_IMAGE)
    height, width = image.shape[:2]
    return f"A picture of {width}x{height}. You asked: {question}"


def generate_image(
    prompt, seed=None, guidance=5, t2i_temperature=1.0, request: gr.Request = None, progress=gr.Progress()
):
    note("generate_image", request, prompt=prompt, seed=seed, guidance=guidance, t2i_temperature=t2i_temperature)
    seed = random.randrange(2**31) if seed is None else int(seed)
    for _ in steps(5, progress):
        pass
    return [paint(prompt, seed + number, 384, 384) for number in range(5)]


with gr.Blocks() as demo:
    image_input = gr.Image()
    question_input = gr.Textbox(label="Question")
    und_seed_input = gr.Number(label="Seed", precision=0, value=42)
    top_p = gr.Slider(minimum=0, maximum=1, value=0.95, step=0.05, label="top_p")
    temperature = gr.Slider(minimum=0, maximum=1, value=0.1, step=0.05, label="temperature")
    understanding_button = gr.Button("Chat")
    understanding_output = gr.Textbox(label="Response")
    cfg_weight_input = gr.Slider(minimum=1, maximum=10, value=5, step=0.5, label="CFG Weight")
    t2i_temperature = gr.Slider(minimum=0, maximum=1, value=1.0, step=0.05, label="temperature")
    prompt_input = gr.Textbox(label="Prompt")
    seed_input = gr.Number(label="Seed (Optional)", precision=0, value=12345)
    generation_button = gr.Button("Generate Images")
    image_output = gr.Gallery(label="Generated Images", columns=2, rows=2, height=300)
    understanding_button.click(
        multimodal_understanding,
        inputs=[image_input, question_input, und_seed_input, top_p, temperature],
        outputs=understanding_output,
    )
    generation_button.click(
        fn=generate_image,
        inputs=[prompt_input, seed_input, cfg_weight_input, t2i_temperature],
        outputs=image_output,
    )

if __name__ == "__main__":
    demo.launch()

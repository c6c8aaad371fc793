# For the processor:      docker build -t monai_attn .
# For an NVIDIA card:     docker build -t monai_attn --build-arg TORCH_BACKEND=cu130 .
# The demo:               docker run --rm -v "$PWD:/data" --user "$(id -u):$(id -g)" monai_attn demo
# A card at run time:     docker run --rm --gpus all -v "$PWD:/data" monai_attn segment t1.nii.gz -b hippocampus_mri -o out
# Research use only; not a medical device.
FROM python:3.13-slim
ARG TORCH_BACKEND=cpu
COPY . /source
RUN python -m pip install --no-cache-dir uv \
 && uv pip install --system --no-cache --torch-backend "$TORCH_BACKEND" -c /source/constraints.txt "/source[demo]" \
 && rm -rf /source
ENV HOME=/tmp MPLCONFIGDIR=/tmp
RUN useradd --no-create-home monai_attn
USER monai_attn
WORKDIR /data
ENTRYPOINT ["monai-attn"]
CMD ["--help"]

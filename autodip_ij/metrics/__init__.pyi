from .perceptual_distance import lpips as lpips
from .perceptual_distance import lpips_available as lpips_available
from .pixel_errors import mae as mae
from .pixel_errors import mean_gradient as mean_gradient
from .pixel_errors import mean_gradient_difference as mean_gradient_difference
from .pixel_errors import mean_ratio as mean_ratio
from .pixel_errors import mse as mse
from .pixel_errors import psnr as psnr
from .pixel_errors import quarter_psnr as quarter_psnr
from .pixel_errors import ssim as ssim
from .registration import AffineFit as AffineFit
from .registration import Shift as Shift
from .registration import affine_fit as affine_fit
from .registration import affine_psnr as affine_psnr
from .registration import register as register
from .residual import Whiteness as Whiteness
from .residual import whiteness as whiteness
from .ring_correlation import RingCorrelation as RingCorrelation
from .ring_correlation import fourier_ring_correlation as fourier_ring_correlation
from .ring_correlation import single_image_ring_correlation as single_image_ring_correlation

__all__ = [
    "AffineFit",
    "RingCorrelation",
    "Shift",
    "Whiteness",
    "affine_fit",
    "affine_psnr",
    "fourier_ring_correlation",
    "lpips",
    "lpips_available",
    "mae",
    "mean_gradient",
    "mean_gradient_difference",
    "mean_ratio",
    "mse",
    "psnr",
    "quarter_psnr",
    "register",
    "single_image_ring_correlation",
    "ssim",
    "whiteness",
]

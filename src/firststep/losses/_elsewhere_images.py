"""Losses kept well elsewhere: images, shapes, sets of boxes and point clouds."""

from __future__ import annotations

from ._pointer import pointer
from ._spec import Argument, Equivalent, LossSpec, Option, Paper, Text

_PICTURES = (
    Argument("x", "images", "N 3 H W", "in [0, 1]", "取值于 [0, 1]"),
    Argument("y", "images", "N 3 H W", "in [0, 1]", "取值于 [0, 1]"),
)
_DOWNLOAD = Text(
    "It downloads the weights of a network when it is made: not without a connection.",
    "创建时会下载网络权重：没有网络连接则无法使用。",
)

LPIPS = pointer(
    "piq.LPIPS",
    title=Text("Learned perceptual similarity (LPIPS)", "感知相似度（LPIPS）"),
    aliases=("lpips", "perceptual similarity", "感知相似度"),
    family="image",
    purpose=Text(
        "How different two images look to people: distance of a trained network's features, weighted by human "
        "judgements.",
        "两幅图像在人眼看来有多不同：训练好的网络特征之间的距离，权重由人的评判学得。",
    ),
    formula=r"\sum_{l} \text{mean}_{h w} \lVert w_l \odot (\phi_l(x) - \phi_l(y)) \rVert^2",
    papers=(
        Paper(
            "Zhang et al. 2018",
            "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric",
            "arXiv:1801.03924",
        ),
    ),
    arguments=_PICTURES,
    unit="image",
    code="""
import piq

loss = piq.LPIPS()  # downloads weights
loss(output.clamp(0, 1), target).backward()
""",
    hazards=(
        _DOWNLOAD,
        Text(
            "Images are in [0, 1], three channels; images of 0 to 255 are taken and mean nothing.",
            "图像取值于 [0, 1]，三通道；0 到 255 的图像会被接受，但毫无意义。",
        ),
        Text(
            "Alone it leaves colours and high frequencies free: add l1_loss.",
            "单独使用时颜色与高频不受约束：应再加 l1_loss。",
        ),
    ),
    avoid=Text(
        "Images that photographs did not teach (medical, spectral), or a measure without a network: ms_ssim_loss.",
        "图像与自然照片差异很大（医学、光谱）时，或不想依赖网络时：用 ms_ssim_loss。",
    ),
    equivalents=(
        Equivalent("lpips.LPIPS", Text("the authors' package; images in [-1, 1]", "作者的软件包；图像取值于 [-1, 1]")),
    ),
)

DISTS = pointer(
    "piq.DISTS",
    title=Text("Structure and texture similarity (DISTS)", "结构与纹理相似度（DISTS）"),
    aliases=("dists", "texture similarity", "纹理相似度"),
    family="image",
    purpose=Text(
        "As LPIPS, but tolerant of textures that are resampled: grass may be other grass.",
        "类似 LPIPS，但容许纹理被重新采样：草地可以是另一片草地。",
    ),
    formula=r"1 - \sum_{l} \sum_{c} (\alpha_{l c} \, l(\phi_x, \phi_y) + \beta_{l c} \, s(\phi_x, \phi_y))",
    papers=(
        Paper(
            "Ding et al. 2020",
            "Image Quality Assessment: Unifying Structure and Texture Similarity",
            "arXiv:2004.07728",
        ),
    ),
    arguments=_PICTURES,
    unit="image",
    code="""
import piq

loss = piq.DISTS()  # downloads weights
loss(output.clamp(0, 1), target).backward()
""",
    hazards=(_DOWNLOAD,),
    avoid=Text(
        "Details must be at their place: ms_ssim_loss, l1_loss.", "细节必须各在其位时：用 ms_ssim_loss、l1_loss。"
    ),
    equivalents=(Equivalent("piq.LPIPS", Text("feature by feature, place by place", "逐特征、逐位置比较")),),
)

CONTENT = pointer(
    "piq.ContentLoss",
    title=Text("Perceptual loss of a network's features", "特征感知损失"),
    aliases=("perceptual loss", "vgg loss", "content loss", "style loss", "感知损失", "风格损失"),
    family="image",
    purpose=Text(
        "Squared distance of the features of a trained network: style transfer and super-resolution. piq.StyleLoss "
        "compares "
        "their correlations.",
        "训练好的网络特征之间的平方距离：用于风格迁移与超分辨率。piq.StyleLoss 比较特征间的相关性。",
    ),
    formula=r"\sum_{l} w_l \, \text{mean} (\phi_l(x) - \phi_l(y))^2",
    papers=(
        Paper(
            "Johnson, Alahi, Fei-Fei 2016",
            "Perceptual Losses for Real-Time Style Transfer and Super-Resolution",
            "arXiv:1603.08155",
        ),
    ),
    arguments=_PICTURES,
    unit="image",
    options=(
        Option("layers", Text("default ('relu3_3',)", "默认 ('relu3_3',)")),
        Option("weights", Text("of the layers; default [1.0]", "各层的权重；默认 [1.0]")),
    ),
    code="""
import piq

loss = piq.ContentLoss(layers=("relu2_2", "relu3_3"), weights=[1.0, 1.0])  # downloads weights
loss(output.clamp(0, 1), target).backward()
""",
    hazards=(
        _DOWNLOAD,
        Text(
            "Its scale is that of the features: weigh it against l1_loss by experiment.",
            "其量级取决于特征：与 l1_loss 的权重需实验确定。",
        ),
    ),
    avoid=Text("You want it calibrated by people: piq.LPIPS.", "需要与人眼评判一致时：用 piq.LPIPS。"),
)

_MAPS = (
    Argument("input", "logits", "N C *", "with softmax=True; probabilities otherwise", "配合 softmax=True；否则为概率"),
    Argument(
        "target", "class", "N 1 *", "with to_onehot_y=True; one-hot otherwise", "配合 to_onehot_y=True；否则为 one-hot"
    ),
)
_SWITCHES = (
    Option("softmax", Text("applies softmax to the input; default False", "对输入做 softmax；默认 False")),
    Option("to_onehot_y", Text("takes class indices; default False", "接受类别序号；默认 False")),
)
_NO_ACTIVATION = Text(
    "No activation is applied by default: logits are taken as if they were probabilities. Set softmax=True or "
    "sigmoid=True.",
    "默认不做激活：logits 会被当作概率。应设 softmax=True 或 sigmoid=True。",
)

HAUSDORFF = pointer(
    "monai.losses.HausdorffDTLoss",
    title=Text("Hausdorff distance by distance transform", "基于距离变换的 Hausdorff 损失"),
    aliases=("hausdorff", "boundary loss", "distance transform", "边界损失", "距离变换"),
    family="segmentation",
    purpose=Text(
        "Errors of a segmentation weigh by how far they are from the border: for outlines that must fit.",
        "分割错误按其离边界的距离加权：用于轮廓必须贴合的任务。",
    ),
    formula=r"\text{mean} (p - t)^2 (D_p^{\alpha} + D_t^{\alpha})",
    papers=(
        Paper(
            "Karimi, Salcudean 2019",
            "Reducing the Hausdorff Distance in Medical Image Segmentation with Convolutional Neural Networks",
            "arXiv:1904.10030",
        ),
        Paper("Kervadec et al. 2019", "Boundary Loss for Highly Unbalanced Segmentation", "arXiv:1812.07032"),
    ),
    arguments=_MAPS,
    unit="image",
    options=(Option("alpha", Text("power of the distances; default 2", "距离的幂；默认 2")), *_SWITCHES),
    code="""
from monai.losses import HausdorffDTLoss

loss = HausdorffDTLoss(softmax=True, to_onehot_y=True)  # target: (N, 1, H, W)
value = dice_ce + 0.01 * loss(logits, target)
""",
    hazards=(
        _NO_ACTIVATION,
        Text(
            "Distances are in pixels and squared: its value depends on the image's size, and early in training it "
            "drowns the "
            "region loss beside it.",
            "距离以像素计并取平方：数值取决于图像大小，训练初期会淹没与之相加的区域损失。",
        ),
        Text(
            "The distance transform runs outside autograd on the host or by cupy: slow, and torch.compile stops there.",
            "距离变换在 autograd 之外、于主机端或由 cupy 计算：较慢，torch.compile 会在此中断。",
        ),
        Text("The background is left out by default.", "默认不计背景类。"),
    ),
    avoid=Text(
        "Alone, or from the start: begin with dice_ce_loss.", "不宜单独使用，也不宜一开始就用：先用 dice_ce_loss。"
    ),
    equivalents=(
        Equivalent("kornia.losses.HausdorffERLoss", Text("by erosion instead of distances", "用腐蚀代替距离")),
    ),
)

CLDICE = pointer(
    "monai.losses.SoftDiceclDiceLoss",
    title=Text("Centerline Dice", "中心线 Dice（clDice）"),
    aliases=("cldice", "centerline dice", "skeleton", "中心线", "血管分割"),
    family="segmentation",
    purpose=Text(
        "Keeps thin structures whole (vessels, roads): Dice of the masks and of their skeletons.",
        "使细长结构（血管、道路）保持连通：掩码的 Dice 加上其骨架的 Dice。",
    ),
    formula=r"(1 - \alpha) \, \text{Dice} + \alpha \, \text{clDice}",
    papers=(
        Paper(
            "Shit et al. 2021",
            "clDice - A Novel Topology-Preserving Loss Function for Tubular Structure Segmentation",
            "arXiv:2003.07311",
        ),
    ),
    arguments=_MAPS,
    unit="batch",
    options=(
        Option("iter_", Text("steps of the soft skeleton; default 3", "软骨架的步数；默认 3")),
        Option("alpha", Text("share of the skeletons; default 0.5", "骨架项的份额；默认 0.5")),
        *_SWITCHES,
    ),
    code="""
from monai.losses import SoftDiceclDiceLoss

loss = SoftDiceclDiceLoss(iter_=5, softmax=True, to_onehot_y=True)
loss(logits, target).backward()  # target: (N, 1, H, W)
""",
    hazards=(
        _NO_ACTIVATION,
        Text(
            "iter_ must be at least the radius of the widest structure in pixels, or its skeleton is not thin.",
            "iter_ 至少应为最宽结构的半径（像素），否则骨架不够细。",
        ),
    ),
    avoid=Text("Structures are not thin: dice_loss.", "结构并不细长时：用 dice_loss。"),
)

_VOLUMES = (
    Argument("pred", "images", "N C *", "the moved image", "变形后的图像"),
    Argument("target", "images", "N C *", "the fixed image", "固定图像"),
)

LNCC = pointer(
    "monai.losses.LocalNormalizedCrossCorrelationLoss",
    title=Text("Local normalized cross-correlation", "局部归一化互相关"),
    aliases=("lncc", "ncc", "image registration", "图像配准"),
    family="image",
    purpose=Text(
        "Registration of images of one kind: correlation within a small window, blind to local brightness and "
        "contrast.",
        "同模态图像配准：在小窗口内计算相关，不受局部亮度与对比度影响。",
    ),
    formula=r"-\frac{\text{cov}(x, y)^2}{\text{var}(x) \, \text{var}(y)}",
    papers=(
        Paper(
            "Avants et al. 2008",
            "Symmetric Diffeomorphic Image Registration with Cross-Correlation",
            "Med. Image Anal. 12(1)",
        ),
    ),
    arguments=_VOLUMES,
    unit="image",
    options=(
        Option("spatial_dims", Text("1, 2 or 3; default 3", "1、2 或 3；默认 3")),
        Option("kernel_size", Text("the window, odd; default 3", "窗口大小，奇数；默认 3")),
    ),
    code="""
from monai.losses import LocalNormalizedCrossCorrelationLoss

loss = LocalNormalizedCrossCorrelationLoss(spatial_dims=3, kernel_size=9)
value = loss(moved, fixed)  # -1 for equal images
""",
    hazards=(
        Text("It is squared: an image and its negative match.", "相关取了平方：一幅图像与其反相也算匹配。"),
        Text(
            "Windows without contrast are 0/0, held up by smooth_dr only: crop the background or mask it.",
            "没有对比度的窗口是 0/0，只靠 smooth_dr 兜底：应裁去或屏蔽背景。",
        ),
    ),
    avoid=Text(
        "The images are of different kinds (CT and MR): monai.losses.GlobalMutualInformationLoss.",
        "不同模态（如 CT 与 MR）时：用 monai.losses.GlobalMutualInformationLoss。",
    ),
)

MUTUAL_INFORMATION = pointer(
    "monai.losses.GlobalMutualInformationLoss",
    title=Text("Mutual information of images", "图像互信息"),
    aliases=("mutual information", "mi loss", "multimodal registration", "互信息", "多模态配准"),
    family="image",
    purpose=Text(
        "Registration of images of different kinds: how much the brightness of one tells of the other's.",
        "多模态图像配准：一幅图像的亮度能说明另一幅多少。",
    ),
    formula=r"-\sum_{a} \sum_{b} p(a, b) \log \frac{p(a, b)}{p(a) p(b)}",
    papers=(
        Paper("Viola, Wells 1997", "Alignment by Maximization of Mutual Information", "Int. J. Comput. Vis. 24(2)"),
    ),
    arguments=_VOLUMES,
    unit="image",
    options=(Option("num_bins", Text("of the histogram; default 23", "直方图的格数；默认 23")),),
    code="""
from monai.losses import GlobalMutualInformationLoss

loss = GlobalMutualInformationLoss()
value = loss(moved, fixed)  # images in [0, 1]
""",
    hazards=(
        Text(
            "The bins lie in [0, 1]: for equal images of 0 to 255 the value is near 0, as if they had nothing in "
            "common.",
            "格子位于 [0, 1]：对两幅相同的、取值 0 到 255 的图像，结果接近 0，仿佛毫无关系。",
        ),
    ),
    avoid=Text(
        "The images are of one kind: monai.losses.LocalNormalizedCrossCorrelationLoss.",
        "同模态时：用 monai.losses.LocalNormalizedCrossCorrelationLoss。",
    ),
)

HUNGARIAN = pointer(
    "scipy.optimize.linear_sum_assignment",
    title=Text("Hungarian matching for sets", "匈牙利匹配"),
    aliases=("hungarian", "set loss", "bipartite matching", "detr", "匈牙利算法", "集合预测"),
    family="detection",
    purpose=Text(
        "Which prediction belongs to which object, at the least total cost: then any loss of pairs, as in DETR.",
        "以最小总代价决定哪个预测对应哪个目标，随后可用任意成对损失，如 DETR。",
    ),
    formula=r"\min_{\sigma} \sum_{i} c(\hat{y}_{\sigma(i)}, y_i)",
    papers=(Paper("Carion et al. 2020", "End-to-End Object Detection with Transformers", "arXiv:2005.12872", "eq. 1"),),
    arguments=(
        Argument("cost", "values", "Q G", "NumPy, of prediction q for object g", "NumPy 数组，预测 q 对目标 g 的代价"),
    ),
    unit="image",
    code="""
from firststep.losses.functional import giou_loss
from scipy.optimize import linear_sum_assignment

q, g = linear_sum_assignment(cost.detach().cpu().numpy())  # for each image
loss = giou_loss(predicted_boxes[q], boxes[g])
""",
    hazards=(
        Text(
            "It runs on the host and has no gradient: detach the cost, and take the loss of the matched pairs from "
            "tensors.",
            "它在主机端运行且没有梯度：代价要 detach，匹配后的损失要用张量重新计算。",
        ),
        Text(
            "A NaN in the cost is an error: boxes of a diverged model end here.",
            "代价中有 NaN 会报错：发散的模型会在这里中断。",
        ),
        Text(
            "Divide by the number of objects of all ranks, not by the predictions.",
            "应除以所有进程的目标总数，而非预测数。",
        ),
    ),
    avoid=Text(
        "Anchors are assigned by overlap: sigmoid_focal_loss, giou_loss, varifocal_loss.",
        "锚框按重叠度分配时：用 sigmoid_focal_loss、giou_loss、varifocal_loss。",
    ),
)

CHAMFER = pointer(
    "pytorch3d.loss.chamfer_distance",
    title=Text("Chamfer distance", "Chamfer 距离"),
    aliases=("chamfer", "point cloud", "点云", "倒角距离"),
    family="transport",
    purpose=Text(
        "Two clouds of points: the squared distance of each point to the nearest of the other cloud.",
        "两个点云：每个点到另一点云最近点的平方距离。",
    ),
    formula=r"\text{mean}_x \min_y \lVert x - y \rVert^2 + \text{mean}_y \min_x \lVert x - y \rVert^2",
    papers=(
        Paper(
            "Fan, Su, Guibas 2017",
            "A Point Set Generation Network for 3D Object Reconstruction from a Single Image",
            "arXiv:1612.00603",
        ),
    ),
    arguments=(
        Argument("x", "values", "N P D", "points", "点"),
        Argument("y", "values", "N Q D", "points", "点"),
    ),
    unit="sample",
    code="""
from pytorch3d.loss import chamfer_distance

loss, _ = chamfer_distance(x, y, x_lengths=counts)  # the second is the loss of normals
""",
    hazards=(
        Text("It returns a pair.", "返回值是一个二元组。"),
        Text(
            "Distances are squared here and not everywhere: numbers of papers differ by that and by mean or sum.",
            "此处距离取平方，别处未必：各论文的数值因此、也因 mean 或 sum 而不同。",
        ),
        Text(
            "Points may gather at one place unpunished: density is not compared.", "点聚成一团也不受惩罚：不比较密度。"
        ),
    ),
    avoid=Text("Density counts: geomloss.SamplesLoss.", "密度也重要时：用 geomloss.SamplesLoss。"),
)

SPECS: tuple[LossSpec, ...] = (
    LPIPS,
    DISTS,
    CONTENT,
    HAUSDORFF,
    CLDICE,
    LNCC,
    MUTUAL_INFORMATION,
    HUNGARIAN,
    CHAMFER,
)

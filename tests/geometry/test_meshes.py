import pytest
import torch

from inverse_graphics.geometry.meshes import Mesh, require_mesh, vertex_colours

CORNERS = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
FACE = torch.tensor([[0, 1, 2]])
UV = torch.tensor([[0.25, 0.25], [0.75, 0.25], [0.25, 0.75]])


def test_a_whole_mesh_passes_through():
    mesh = Mesh(CORNERS, FACE, uv=UV, texture=torch.rand(3, 4, 6))
    assert require_mesh(mesh) is mesh


@pytest.mark.parametrize(
    ("mesh", "message"),
    [
        (Mesh(CORNERS, FACE[:0]), "mesh: expected at least one face, got none"),
        (Mesh(CORNERS * torch.nan, FACE), "vertices: expected finite"),
        (Mesh(CORNERS, FACE + 1), r"faces: expected vertices 0\.\.2, got 1\.\.3"),
        (Mesh(CORNERS, FACE, torch.ones(2, 3)), "colours: expected shape"),
        (Mesh(CORNERS, FACE, 2 * torch.ones(3, 3)), "colours: expected values"),
        (Mesh(CORNERS, FACE, uv=UV), "texture: expected it together with uv"),
        (Mesh(CORNERS, FACE, uv=UV + 1, texture=torch.ones(3, 2, 2)), "uv: expected values"),
    ],
)
def test_what_does_not_fit_is_refused(mesh, message):
    with pytest.raises(ValueError, match=message):
        require_mesh(mesh)


def test_colours_come_from_the_vertices_else_the_texture_else_white():
    texture = torch.tensor([[[1.0, 0], [0, 0]], [[0, 1], [0, 0]], [[0, 0], [1, 0]]])  # red, green; blue, black
    textured = Mesh(CORNERS, FACE, uv=UV, texture=texture)
    torch.testing.assert_close(vertex_colours(textured), torch.eye(3))  # left top, right top, left bottom
    own = torch.rand(3, 3)
    assert vertex_colours(textured._replace(colours=own)) is own
    assert vertex_colours(Mesh(CORNERS, FACE)).eq(1).all()

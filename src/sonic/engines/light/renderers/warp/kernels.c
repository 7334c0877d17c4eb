/* Hot loops of the light renderer: plain C11, no Python symbols, loaded with ctypes (see native.py).
 *
 * Conventions: pixel centres at integer coordinates, x right, y down, depth grows away from the camera. Colours are RGB. The
 * wrapper has checked shapes and refused NaN; every loop clips to the picture, so vertices may lie anywhere.
 */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#if defined(_WIN32)
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

#define ABI_VERSION 6
#define BAND_ROWS 32  /* rows rastered and sampled together: map and depth of a band stay in the cache */
#define FAR_AWAY 1e30f
#define STILL_PX 1e-3f /* shifts below this leave a pixel as it is */

EXPORT int sonic_abi_version(void) { return ABI_VERSION; }
EXPORT int sonic_band_rows(void) { return BAND_ROWS; }

static inline float minf(float a, float b) { return a < b ? a : b; }
static inline float maxf(float a, float b) { return a > b ? a : b; }
static inline float clampf(float x, float low, float high) { return minf(maxf(x, low), high); }
static inline float smoothstep(float low, float high, float x)
{
    float t = clampf((x - low) / (high - low), 0.0f, 1.0f);
    return t * t * (3.0f - 2.0f * t);
}

/* ---- mesh warp ---------------------------------------------------------------------------------------------------- */

/* A vertex: where it is now, its depth, and the shift from there to where its colour comes from. */
typedef struct { float x, y, z, dx, dy; } Vertex;

/* Rows [top, bottom) of the map: per pixel the shift to the source, and the depth of what is seen. */
typedef struct { float *shift, *depth; int top, bottom, width; } Band;

static void cross_edge(const Vertex *p, const Vertex *q, float y, float *left, float *right)
{
    if (!((p->y <= y && q->y >= y) || (q->y <= y && p->y >= y))) return;
    if (p->y == q->y) {
        *left = minf(*left, minf(p->x, q->x));
        *right = maxf(*right, maxf(p->x, q->x));
        return;
    }
    float x = p->x + (y - p->y) * (q->x - p->x) / (q->y - p->y);
    *left = minf(*left, x);
    *right = maxf(*right, x);
}

/* Linear interpolation of a vertex attribute over the triangle: value at c plus its slopes. */
typedef struct { float c, sx, sy, low, high; } Plane;

static Plane plane(float fa, float fb, float fc, const float slopes[4])
{
    Plane p = {fc, slopes[0] * (fa - fc) + slopes[2] * (fb - fc), slopes[1] * (fa - fc) + slopes[3] * (fb - fc),
               minf(fa, minf(fb, fc)), maxf(fa, maxf(fb, fc))};
    return p;
}

static void fill_triangle(const Band *band, const Vertex *a, const Vertex *b, const Vertex *c)
{
    float low = minf(a->y, minf(b->y, c->y)), high = maxf(a->y, maxf(b->y, c->y));
    float area = (b->y - c->y) * (a->x - c->x) + (c->x - b->x) * (a->y - c->y);
    if (fabsf(area) < 1e-6f) return;
    float inv = 1.0f / area;
    float slopes[4] = {(b->y - c->y) * inv, (c->x - b->x) * inv, (c->y - a->y) * inv, (a->x - c->x) * inv};
    Plane px = plane(a->dx, b->dx, c->dx, slopes), py = plane(a->dy, b->dy, c->dy, slopes);
    Plane pz = plane(a->z, b->z, c->z, slopes);
    int sliver = fabsf(area) < 8.0f; /* slopes of a sliver overshoot by rounding: hold them to the corners' range */
    int y0 = (int)ceilf(clampf(low - 1e-3f, (float)band->top, (float)band->bottom));
    int y1 = (int)floorf(clampf(high + 1e-3f, (float)band->top - 1.0f, (float)band->bottom - 1.0f));
    for (int y = y0; y <= y1; y++) {
        float left = FAR_AWAY, right = -FAR_AWAY, fy = clampf((float)y, low, high);
        cross_edge(a, b, fy, &left, &right);
        cross_edge(b, c, fy, &left, &right);
        cross_edge(c, a, fy, &left, &right);
        int x0 = (int)ceilf(clampf(left - 1e-3f, 0.0f, (float)band->width));
        int x1 = (int)floorf(clampf(right + 1e-3f, -1.0f, (float)band->width - 1.0f));
        float ox = (float)x0 - c->x, oy = (float)y - c->y;
        float dx = px.c + px.sx * ox + px.sy * oy, dy = py.c + py.sx * ox + py.sy * oy;
        float z = pz.c + pz.sx * ox + pz.sy * oy;
        size_t row = (size_t)(y - band->top) * (size_t)band->width;
        float *shift = band->shift + 2 * row, *depth = band->depth + row;
        for (int x = x0; x <= x1; x++) {
            if (z < depth[x]) {
                depth[x] = z;
                shift[2 * x] = dx;
                shift[2 * x + 1] = dy;
                if (sliver) {
                    shift[2 * x] = clampf(dx, px.low, px.high);
                    shift[2 * x + 1] = clampf(dy, py.low, py.high);
                }
            }
            dx += px.sx;
            dy += py.sx;
            z += pz.sx;
        }
    }
}

/* Bilinear mean of the pixels p[0], p[1] and q[0], q[1] (the next row), RGB in the low bytes; weights in 1/256, result rounded. */
#if defined(__SSE2__)
static inline uint32_t mix(const uint32_t *p, const uint32_t *q, int right, int down)
{
    __m128i zero = _mm_setzero_si128(), rows = _mm_set1_epi32(down << 16 | (256 - down));
    __m128i pairs = _mm_unpacklo_epi8(_mm_loadl_epi64((const __m128i *)p), _mm_loadl_epi64((const __m128i *)q));
    __m128 first = _mm_cvtepi32_ps(_mm_madd_epi16(_mm_unpacklo_epi8(pairs, zero), rows));
    __m128 second = _mm_cvtepi32_ps(_mm_madd_epi16(_mm_unpackhi_epi8(pairs, zero), rows));
    __m128 weight = _mm_set1_ps((float)right * (1.0f / 256.0f));
    __m128 mean = _mm_add_ps(first, _mm_mul_ps(_mm_sub_ps(second, first), weight));
    __m128i bytes = _mm_cvttps_epi32(_mm_add_ps(_mm_mul_ps(mean, _mm_set1_ps(1.0f / 256.0f)), _mm_set1_ps(0.5f)));
    return (uint32_t)_mm_cvtsi128_si32(_mm_packus_epi16(_mm_packs_epi32(bytes, zero), zero));
}
#else
static inline uint32_t mix(const uint32_t *p, const uint32_t *q, int right, int down)
{
    uint32_t rgb = 0;
    for (int k = 0; k < 24; k += 8) {
        uint32_t upper = (p[0] >> k & 255u) * (uint32_t)(256 - right) + (p[1] >> k & 255u) * (uint32_t)right;
        uint32_t lower = (q[0] >> k & 255u) * (uint32_t)(256 - right) + (q[1] >> k & 255u) * (uint32_t)right;
        rgb |= ((upper * (uint32_t)(256 - down) + lower * (uint32_t)down + 32768u) >> 16) << k;
    }
    return rgb;
}
#endif

#define RUN 64

/* Sample a row from a source of twice the picture's density; the border is repeated. Pixels that stay are left alone, since
 * `out` holds the photo already. */
static void sample_row(const float *shift, int y, const uint32_t *source, int width, int height, uint8_t *out)
{
    float wide = 256.0f * (float)(2 * width - 2), tall = 256.0f * (float)(2 * height - 2);
    int32_t fx[RUN], fy[RUN], moves[RUN];
    for (int start = 0; start < width; start += RUN) {
        int n = width - start < RUN ? width - start : RUN;
        for (int i = 0; i < n; i++) { /* a loop of its own: the compiler vectorises it */
            float dx = shift[2 * (start + i)], dy = shift[2 * (start + i) + 1];
            moves[i] = maxf(fabsf(dx), fabsf(dy)) >= STILL_PX;
            fx[i] = (int32_t)clampf(512.0f * ((float)(start + i) + dx) + 0.5f, 0.0f, wide);
            fy[i] = (int32_t)clampf(512.0f * ((float)y + dy) + 0.5f, 0.0f, tall);
        }
        for (int i = 0; i < n; i++) {
            if (!moves[i]) continue;
            const uint32_t *p = source + (ptrdiff_t)(fy[i] >> 8) * 2 * width + (fx[i] >> 8);
            if ((i & 7) == 0) { /* what the next row will need, which no stream prefetcher guesses under rotation: halves the time */
                __builtin_prefetch(p + 4 * width);
                __builtin_prefetch(p + 6 * width);
            }
            uint32_t rgb = mix(p, p + 2 * width, fx[i] & 255, fy[i] & 255);
            uint8_t *pixel = out + 3 * (start + i);
            pixel[0] = (uint8_t)rgb;
            pixel[1] = (uint8_t)(rgb >> 8);
            pixel[2] = (uint8_t)(rgb >> 16);
        }
    }
}

/* Above zero where the map jumps between a pixel, its right neighbour and the one above: it folds back or is torn there. */
static inline float jump(const float *above, const float *here, int x)
{
    float along_x = here[2 * x + 2] - here[2 * x], along_y = here[2 * x + 1] - above[2 * x + 1];
    float cross_x = here[2 * x + 3] - here[2 * x + 1], cross_y = here[2 * x] - above[2 * x];
    float torn = maxf(maxf(along_x, along_y), maxf(fabsf(cross_x), fabsf(cross_y))) - 4.0f;
    return maxf(torn, -1.5f - (along_x < along_y ? along_x : along_y));
}

/* Mark the pixels at jumps, whose edge would be a staircase. */
static void mark_folds(const float *above, const float *here, int width, uint8_t *marks_above, uint8_t *marks)
{
    for (int start = 0; start + 1 < width; start += RUN) {
        int end = start + RUN < width - 1 ? start + RUN : width - 1;
        float worst = 0.0f;
        for (int x = start; x < end; x++) worst = maxf(worst, jump(above, here, x));
        for (int x = start; worst > 0.0f && x < end; x++)
            if (jump(above, here, x) > 0.0f) marks[x] = marks[x + 1] = marks_above[x] = 255;
    }
}

/* Draw `source` (RGBX, 2 height rows of 2 width samples, see source.py) through the moved mesh into `out` (RGB, `stride` bytes a
 * row), which holds the photo. Triangles from n_face on are skipped where nothing moves. `folds` (height, width) receives 255
 * where the map jumps. `scratch` holds (BAND_ROWS + 1) * width * 3 floats. */
EXPORT void sonic_warp(const Vertex *vertices, const int32_t *triangles, int n_triangles, int n_face, const uint32_t *source,
                       int width, int height, uint8_t *out, ptrdiff_t stride, uint8_t *folds, float *scratch)
{
    float *above = scratch, *shift = scratch + 2 * (size_t)width, *depth = shift + 2 * (size_t)width * BAND_ROWS;
    memset(folds, 0, (size_t)width * (size_t)height);
    for (int top = 0; top < height; top += BAND_ROWS) {
        int bottom = top + BAND_ROWS < height ? top + BAND_ROWS : height;
        size_t pixels = (size_t)(bottom - top) * (size_t)width;
        Band band = {shift, depth, top, bottom, width};
        memset(shift, 0, 2 * pixels * sizeof *shift);
        for (size_t i = 0; i < pixels; i++) depth[i] = FAR_AWAY;
        for (int i = 0; i < n_triangles; i++) {
            const Vertex *a = vertices + triangles[3 * i], *b = vertices + triangles[3 * i + 1];
            const Vertex *c = vertices + triangles[3 * i + 2];
            if (maxf(a->y, maxf(b->y, c->y)) < (float)top - 1e-3f || minf(a->y, minf(b->y, c->y)) > (float)bottom) continue;
            float moved = maxf(maxf(fabsf(a->dx) + fabsf(a->dy), fabsf(b->dx) + fabsf(b->dy)), fabsf(c->dx) + fabsf(c->dy));
            if (i < n_face || moved >= STILL_PX) fill_triangle(&band, a, b, c);
        }
        if (top == 0) memcpy(above, shift, 2 * (size_t)width * sizeof *shift);
        for (int y = top; y < bottom; y++) {
            const float *here = shift + 2 * (size_t)(y - top) * (size_t)width;
            const float *before = y == top ? above : here - 2 * (size_t)width;
            uint8_t *marks = folds + (size_t)y * (size_t)width;
            sample_row(here, y, source, width, height, out + (ptrdiff_t)y * stride);
            mark_folds(before, here, width, y ? marks - width : marks, marks);
        }
        memcpy(above, shift + 2 * (size_t)(bottom - 1 - top) * (size_t)width, 2 * (size_t)width * sizeof *shift);
    }
}

/* The map alone, for tests and tools: shift (height, width, 2) and depth (height, width), both overwritten. */
EXPORT void sonic_raster(const Vertex *vertices, const int32_t *triangles, int n_triangles, int width, int height, float *shift,
                         float *depth)
{
    size_t pixels = (size_t)width * (size_t)height;
    Band band = {shift, depth, 0, height, width};
    memset(shift, 0, 2 * pixels * sizeof *shift);
    for (size_t i = 0; i < pixels; i++) depth[i] = FAR_AWAY;
    for (int i = 0; i < n_triangles; i++)
        fill_triangle(&band, vertices + triangles[3 * i], vertices + triangles[3 * i + 1], vertices + triangles[3 * i + 2]);
}

/* Soften `out` (RGB) at marked pixels with the 3 x 3 binomial filter. `scratch` holds 3 * 2 * width bytes. */
EXPORT void sonic_soften(uint8_t *out, ptrdiff_t stride, const uint8_t *marks, int width, int height, uint8_t *scratch)
{
    size_t row_bytes = 3 * (size_t)width;
    uint8_t *kept = scratch, *here = scratch + row_bytes;
    int kept_row = -1; /* `kept` is this row before it was softened */
    if (width < 3) return;
    for (int y = 1; y + 1 < height; y++) {
        const uint8_t *row_marks = marks + (size_t)y * (size_t)width;
        if (!memchr(row_marks, 255, (size_t)width)) continue;
        uint8_t *row = out + (ptrdiff_t)y * stride;
        const uint8_t *before = kept_row == y - 1 ? kept : row - stride, *after = row + stride;
        memcpy(here, row, row_bytes);
        for (int x = 1; x + 1 < width; x++) {
            if (!row_marks[x]) continue;
            for (int k = 0; k < 3; k++) {
                int i = 3 * x + k;
                int sum = before[i - 3] + 2 * before[i] + before[i + 3] + 2 * here[i - 3] + 4 * here[i] + 2 * here[i + 3]
                        + after[i - 3] + 2 * after[i] + after[i + 3];
                row[i] = (uint8_t)((sum + 8) >> 4);
            }
        }
        uint8_t *swap = kept;
        kept = here;
        here = swap;
        kept_row = y;
    }
}

/* ---- inside of the mouth ------------------------------------------------------------------------------------------ */

/* Parts of the interior, as in mouth.npz. */
enum { TOOTH, GUM, TONGUE, CHEEK };

/* A point of the interior that stays what it is: outward normal, position on its part, tone of its tooth.
 * On a tooth `across` runs from -1 to 1 between its sides and `along` is mm from its edge; elsewhere both are mm. */
typedef struct { float normal[3], across, along, tone; } Surface;

/* Where a point of the interior is now: px of the buffer, depth, and how much light reaches it. */
typedef struct { float x, y, z, light; } Place;

/* Mirrors native.MouthScene. Colours linear RGB, directions as unit vectors in the axes of the normals. */
typedef struct {
    float teeth_rgb[3], gum_rgb[3], tongue_rgb[3], cheek_rgb[3], cavity_rgb[3];
    float light[3];   /* towards the light */
    float half[3];    /* between the light and the viewer */
    float viewer[3];
    float wrap;       /* share of light without direction */
    float gloss;      /* strength of wet highlights */
    float detail;     /* how clearly single teeth are told apart */
    float lip_light;  /* light at the lips' edge, 0..1 of that further in */
    float lip_reach_mm;
} Scene;

#define MOST_SAMPLES 8 /* a side of a pixel; with too few, edges of teeth tremble under a swaying head */

EXPORT int sonic_most_mouth_samples(void) { return MOST_SAMPLES; }

/* A pixel's samples, `n` to a side. They stand askew: no two share a row or a column, so that an edge which creeps along the grid,
 * as teeth often lie, passes them one by one. Those of row or column i are shifted along it by shift[i] samples. */
typedef struct { int n; float shift[MOST_SAMPLES]; } Samples;

static Samples askew(int n)
{
    Samples s = {n, {0.0f}};
    for (int i = 0; i < n; i++) s.shift[i] = ((float)i - 0.5f * (float)(n - 1)) / (float)n;
    return s;
}

static inline float dot3(const float a[3], const float b[3]) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

/* What is seen at each sample of a grid of width x height: the depth and the number of the nearest triangle. Of each row of pixels
 * only those from spans[2 y] to before spans[2 y + 1] count. */
typedef struct { Samples samples; int width, height; const int32_t *spans; float *depth; int32_t *seen; } Grid;

/* Narrow [*low, *high] to where p * x + q >= 0. */
static inline void narrow(float p, float q, float *low, float *high)
{
    if (p > 0.0f) *low = maxf(*low, -q / p);
    else if (p < 0.0f) *high = minf(*high, -q / p);
}

static void cover(const Grid *grid, const Place *a, const Place *b, const Place *c, int triangle)
{
    const Samples *s = &grid->samples;
    float n = (float)s->n, bias = 0.5f * (n - 1.0f), most = s->shift[s->n - 1];
    float ax = a->x * n + bias, ay = a->y * n + bias, bx = (b->x - a->x) * n, by = (b->y - a->y) * n;
    float cx = (c->x - a->x) * n, cy = (c->y - a->y) * n, area = bx * cy - by * cx;
    if (fabsf(area) < 1e-7f) return;
    int y0 = (int)ceilf(clampf(ay + minf(0.0f, minf(by, cy)) - most, 0.0f, (float)grid->height));
    int y1 = (int)floorf(clampf(ay + maxf(0.0f, maxf(by, cy)) + most, -1.0f, (float)grid->height - 1.0f));
    float inv = 1.0f / area, bz = b->z - a->z, cz = c->z - a->z;
    float left = minf(0.0f, minf(bx, cx)), right = maxf(0.0f, maxf(bx, cx));
    bx *= inv, by *= inv, cx *= inv, cy *= inv;
    for (int y = y0, row = y0 % s->n; y <= y1; y++, row = row + 1 < s->n ? row + 1 : 0) {
        const int32_t *span = grid->spans + 2 * (y / s->n);
        float low = left, high = right, down = (float)y - ay;
        narrow(cy, fabsf(cx) * most - cx * down, &low, &high);
        narrow(-by, fabsf(bx) * most + bx * down, &low, &high);
        narrow(by - cy, fabsf(cx - bx) * most + (cx - bx) * down + 1.0f, &low, &high);
        float shifted = ax - s->shift[row];
        int x0 = (int)ceilf(clampf(low + shifted - 1e-3f, (float)(span[0] * s->n), (float)grid->width));
        int x1 = (int)floorf(clampf(high + shifted + 1e-3f, -1.0f, (float)(span[1] * s->n) - 1.0f));
        for (int x = x0, column = x0 % s->n; x <= x1; x++, column = column + 1 < s->n ? column + 1 : 0) {
            float px = (float)x - shifted, py = down + s->shift[column];
            float wb = px * cy - py * cx, wc = py * bx - px * by;
            if (minf(minf(wb, wc), 1.0f - wb - wc) < -1e-6f) continue;
            float z = a->z + wb * bz + wc * cz;
            size_t i = (size_t)y * (size_t)grid->width + (size_t)x;
            if (z < grid->depth[i]) {
                grid->depth[i] = z;
                grid->seen[i] = triangle;
            }
        }
    }
}

/* A soft pattern of about a millimetre, -1 .. 1, for what is not smooth. */
static inline float grain(float x, float y) { return sinf(5.1f * x + 1.3f * sinf(2.3f * y)) * sinf(4.3f * y + 1.7f * sinf(3.1f * x)); }

static void tooth_colour(const Scene *s, float across, float along, float rgb[3])
{
    static const float root_tint[3] = {0.03f, 0.07f, 0.14f}, tip_tint[3] = {0.15f, 0.10f, 0.05f}, gap_tint[3] = {0.50f, 0.62f, 0.70f};
    float side = fabsf(across), plain = 0.3f + 0.7f * s->detail;
    float root = plain * smoothstep(2.0f, 9.5f, along), tip = plain * (1.0f - smoothstep(0.0f, 1.9f, along));
    float gap = s->detail * smoothstep(0.87f, 1.02f, side), round = 0.20f * s->detail * side * side * side;
    for (int k = 0; k < 3; k++)
        rgb[k] = s->teeth_rgb[k] * (1.0f - root * root_tint[k]) * (1.0f - tip * tip_tint[k]) * (1.0f - gap * gap_tint[k]) * (1.0f - round);
}

static void soft_colour(const Scene *s, int part, float across, float along, float rgb[3])
{
    const float *base = part == GUM ? s->gum_rgb : part == TONGUE ? s->tongue_rgb : s->cheek_rgb;
    float shade = 1.0f;
    if (part == TONGUE) {
        float groove = expf(-across * across / 2.6f) * smoothstep(18.0f, 24.0f, along);
        shade = (1.0f - 0.26f * groove) * (1.0f + 0.07f * s->detail * grain(across, along));
    }
    for (int k = 0; k < 3; k++) rgb[k] = base[k] * shade;
}

/* Colour of a sample of triangle (a, b, c) with these weights. */
static void shade_sample(const Scene *s, int part, const Surface *const p[3], const Place *const q[3], const float w[3], float rgb[3])
{
    float normal[3], across = 0.0f, along = 0.0f, tone = 0.0f, light = 0.0f;
    for (int k = 0; k < 3; k++) normal[k] = w[0] * p[0]->normal[k] + w[1] * p[1]->normal[k] + w[2] * p[2]->normal[k];
    for (int i = 0; i < 3; i++) {
        across += w[i] * p[i]->across;
        along += w[i] * p[i]->along;
        tone += w[i] * p[i]->tone;
        light += w[i] * q[i]->light;
    }
    if (part == TOOTH) normal[0] += 0.30f * s->detail * across; /* rounder than the thinned mesh tells */
    float size = 1.0f / sqrtf(maxf(dot3(normal, normal), 1e-6f));
    if (dot3(normal, s->viewer) < 0.0f) size = -size; /* a lining is seen from inside */
    for (int k = 0; k < 3; k++) normal[k] *= size;
    float lit = s->wrap + (1.0f - s->wrap) * maxf(dot3(normal, s->light), 0.0f), shine = maxf(dot3(normal, s->half), 0.0f);
    if (part == TOOTH) lit = 0.86f + (lit - 0.86f) * (0.35f + 0.65f * s->detail);
    float shine4 = shine * shine * shine * shine, shine16 = shine4 * shine4 * shine4 * shine4;
    float wet = part == TOOTH ? shine16 * shine16 * shine4 : part == CHEEK ? 0.0f : 0.25f * shine16;
    if (part == TOOTH) tooth_colour(s, across, along, rgb);
    else soft_colour(s, part, across, along, rgb);
    static const float bounced[3] = {0.16f, -0.02f, -0.14f}; /* what reaches a shaded place comes off lips and cheeks */
    float shaded = 1.0f - minf(light, 1.0f);
    for (int k = 0; k < 3; k++) rgb[k] = (rgb[k] * lit * tone + s->gloss * wet) * light * (1.0f + shaded * bounced[k]);
}

/* What of a pixel shows one triangle: how many samples, and the sum of their places. */
typedef struct { int triangle, count; float x, y; } Share;

/* The triangles seen in pixel (x, y), -1 for none; returns how many. */
static int shares_of(const Grid *grid, int x, int y, Share shares[MOST_SAMPLES * MOST_SAMPLES])
{
    const Samples *s = &grid->samples;
    int n = 0, left = x * s->n, top = y * s->n;
    for (int row = 0; row < s->n; row++)
        for (int column = 0; column < s->n; column++) {
            int triangle = grid->seen[(size_t)(top + row) * (size_t)grid->width + (size_t)(left + column)], k = 0;
            while (k < n && shares[k].triangle != triangle) k++;
            if (k == n) shares[n++] = (Share){triangle, 0, 0.0f, 0.0f};
            shares[k].count++;
            shares[k].x += (float)(left + column) + s->shift[row];
            shares[k].y += (float)(top + row) + s->shift[column];
        }
    return n;
}

/* The pixels of each row less than `reach` outside the lips, from the first to behind the last: two numbers a row. */
static void find_spans(const float *inside_mm, float reach, int width, int height, int32_t *spans)
{
    for (int y = 0; y < height; y++) {
        const float *row = inside_mm + (size_t)y * (size_t)width;
        int first = 0, end = width;
        while (first < width && row[first] < -reach) first++;
        while (end > first && row[end - 1] < -reach) end--;
        spans[2 * y] = first;
        spans[2 * y + 1] = end;
    }
}

/* Linear RGB of one triangle in the middle of its share of a pixel. */
static void shade_share(const Scene *s, const Surface *surface, const Place *places, const int32_t *t, int part, const Share *share,
                        int samples, float rgb[3])
{
    const Place *const q[3] = {places + t[0], places + t[1], places + t[2]};
    const Surface *const p[3] = {surface + t[0], surface + t[1], surface + t[2]};
    float size = (float)samples, w[3];
    float px = (share->x / (float)share->count - 0.5f * (size - 1.0f)) / size;
    float py = (share->y / (float)share->count - 0.5f * (size - 1.0f)) / size;
    float inv = 1.0f / ((q[1]->x - q[0]->x) * (q[2]->y - q[0]->y) - (q[1]->y - q[0]->y) * (q[2]->x - q[0]->x));
    w[0] = ((q[1]->x - px) * (q[2]->y - py) - (q[1]->y - py) * (q[2]->x - px)) * inv;
    w[1] = ((q[2]->x - px) * (q[0]->y - py) - (q[2]->y - py) * (q[0]->x - px)) * inv;
    w[2] = 1.0f - w[0] - w[1];
    shade_sample(s, part, p, q, w, rgb);
}

/* Linear RGB of what is seen through the lips, for pixels inside them or less than `reach_mm` outside, and how much of each pixel
 * is upper teeth. `inside_mm` (height, width): distance to the lip edge, negative outside. `below_mm`: distance below the upper
 * lip. `parts` names each triangle's part; triangles before n_upper are the upper teeth. `depth` and `seen` hold one value for
 * each of the `samples` x `samples` samples of each pixel, at most MOST_SAMPLES, `spans` two
 * for each row; each triangle is shaded once a pixel. */
EXPORT void sonic_paint_mouth(const Scene *scene, const Surface *surface, const Place *places, const int32_t *triangles,
                              const uint8_t *parts, int n_triangles, int n_upper, const float *inside_mm, const float *below_mm,
                              float reach_mm, int samples, int width, int height, float *depth, int32_t *seen,
                              int32_t *spans, float *out, float *upper)
{
    const Grid grid = {askew(samples), width * samples, height * samples, spans, depth, seen};
    find_spans(inside_mm, reach_mm, width, height, spans);
    for (size_t i = 0; i < (size_t)grid.width * (size_t)grid.height; i++) {
        depth[i] = FAR_AWAY;
        seen[i] = -1;
    }
    for (int i = 0; i < n_triangles; i++) {
        const int32_t *t = triangles + 3 * i;
        cover(&grid, places + t[0], places + t[1], places + t[2], i);
    }
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            size_t pixel = (size_t)y * (size_t)width + (size_t)x;
            float sum[3] = {0.0f, 0.0f, 0.0f}, teeth = 0.0f, rgb[3];
            Share shares[MOST_SAMPLES * MOST_SAMPLES];
            int n = inside_mm[pixel] < -reach_mm ? 0 : shares_of(&grid, x, y, shares);
            for (int k = 0; k < n; k++) {
                const int i = shares[k].triangle;
                float weight = (float)shares[k].count / (float)(samples * samples);
                for (int c = 0; c < 3; c++) rgb[c] = scene->cavity_rgb[c];
                if (i >= 0) shade_share(scene, surface, places, triangles + 3 * i, parts[i], shares + k, samples, rgb);
                for (int c = 0; c < 3; c++) sum[c] += weight * maxf(rgb[c], 0.3f * scene->cavity_rgb[c]);
                if (i >= 0 && i < n_upper) teeth += weight;
            }
            /* the lips keep light away: most at their edge, and more under the upper one */
            float light = scene->lip_light + (1.0f - scene->lip_light) * smoothstep(-0.4f, scene->lip_reach_mm, inside_mm[pixel]);
            light *= 0.84f + 0.16f * smoothstep(0.0f, 2.2f, below_mm[pixel]);
            for (int c = 0; c < 3; c++) out[3 * pixel + c] = light * sum[c];
            upper[pixel] = teeth;
        }
}

/* Lay `mouth` (linear RGB) into `out` (sRGB bytes) with opacity `alpha`, and darken the skin beside it by `shade`; both
 * (height, width). `linear` has 256 entries, `srgb` `n_srgb` entries over [0, 1]. */
EXPORT void sonic_lay(uint8_t *out, ptrdiff_t stride, const float *mouth, const float *alpha, const float *shade, int width,
                      int height, const float *linear, const uint8_t *srgb, int n_srgb)
{
    float top = (float)(n_srgb - 1);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            size_t i = (size_t)y * (size_t)width + (size_t)x;
            uint8_t *pixel = out + (ptrdiff_t)y * stride + 3 * x;
            if (alpha[i] <= 0.0f && shade[i] <= 0.0f) continue;
            for (int k = 0; k < 3; k++) {
                float value = linear[pixel[k]] * (1.0f - shade[i]) * (1.0f - alpha[i]) + mouth[3 * i + k] * alpha[i];
                pixel[k] = srgb[(int)(clampf(value, 0.0f, 1.0f) * top + 0.5f)];
            }
        }
}

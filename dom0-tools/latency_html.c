/* The latency report: one HTML page with SVG, no script, no network; see latency_render.h. */
#include "dom0-tools/latency_render.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Size of the plot's inside, and the room for its labels; SVG user units. */
enum { PLOT_W = 620, PLOT_H = 260, LEFT = 70, TOP = 20, BOTTOM = 40, RIGHT = 20 };

/* Apart from each other for the colour-blind, too (Paul Tol's bright scheme). */
static const char *const colours[STAGE_COUNT] = {"#4477aa", "#228833", "#ccbb44", "#ee6677",
                                                 "#222222"};

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<title>drvdom latency</title>\n<style>\n"
    "body{font:15px/1.4 system-ui,sans-serif;margin:2em auto;max-width:60em;padding:0 1em;"
    "color:#222;background:#fff}\n"
    "table{border-collapse:collapse}td,th{padding:.15em .7em;text-align:right}"
    "th:first-child,td:first-child{text-align:left}tr+tr{border-top:1px solid #ddd}\n"
    "svg{max-width:100%;height:auto}svg text{font:11px system-ui,sans-serif;fill:#444}\n"
    "</style></head><body>\n<h1>drvdom latency</h1>\n";

/* Names come from domains' names: they are text, never markup. */
static void text(struct bytes *out, const char *s)
{
    for (; *s; s++) {
        if (*s == '<' || *s == '>' || *s == '&' || *s == '"')
            bytes_printf(out, "&#%d;", *s);
        else if (*s >= 0x20 && *s < 0x7f)
            bytes_add(out, s, 1);
        else
            bytes_printf(out, "?");
    }
}

static double us(uint64_t ns)
{
    return (double)ns / 1e3;
}

static void stage_table(const struct dev_stats *s, unsigned op, struct bytes *out)
{
    bytes_printf(out, "<table><tr><th>stage</th><th>count</th><th>mean &#181;s</th><th>p50</th>"
                      "<th>p99</th><th>p99.9</th><th>max</th></tr>\n");
    for (unsigned i = 0; i < STAGE_COUNT; i++) {
        const struct hist *h = &s->stage[op][i];

        if (h->count)
            bytes_printf(out,
                         "<tr><td>%s</td><td>%" PRIu64 "</td><td>%.1f</td><td>%.1f</td>"
                         "<td>%.1f</td><td>%.1f</td><td>%.1f</td></tr>\n",
                         latency_stage_name(i), h->count, us(hist_mean(h)),
                         us(hist_quantile(h, 500000)), us(hist_quantile(h, 990000)),
                         us(hist_quantile(h, 999000)), us(h->max_ns));
    }
    bytes_printf(out, "</table>\n");
}

/* ---- the bar: where the mean time goes ---- */

static void stage_bar(const struct dev_stats *s, unsigned op, struct bytes *out)
{
    double sum = 0, x = 0;

    for (unsigned i = 0; i < STAGE_TOTAL; i++)
        sum += us(hist_mean(&s->stage[op][i]));
    if (sum <= 0)
        return;
    bytes_printf(out, "<svg viewBox=\"0 0 780 60\" width=\"780\" height=\"60\" role=\"img\" "
                      "aria-label=\"mean time per stage\">\n");
    for (unsigned i = 0; i < STAGE_TOTAL; i++) {
        double w = us(hist_mean(&s->stage[op][i])) / sum * 780;

        bytes_printf(out,
                     "<rect x=\"%.1f\" y=\"4\" width=\"%.1f\" height=\"28\" fill=\"%s\">"
                     "<title>%s %.1f us</title></rect>\n",
                     x, w, colours[i], latency_stage_name(i), us(hist_mean(&s->stage[op][i])));
        /* A label only where it fits; the table has all. */
        if (w > 70)
            bytes_printf(out, "<text x=\"%.1f\" y=\"48\">%s %.0f%%</text>\n", x,
                         latency_stage_name(i), w / 7.8);
        x += w;
    }
    bytes_printf(out, "</svg>\n");
}

/* ---- the curves: latency by percentile ---- */

/* Nines on the x axis: 0 is the median's left, each unit a nine more. */
static double x_of(double part)
{
    double nines = -log10(1 - part);

    return LEFT + MIN(nines, 5.0) / 5.0 * PLOT_W;
}

struct scale {
    double low, high; /* log10 of microseconds */
};

static double y_of(const struct scale *s, double value_us)
{
    double v = log10(MAX(value_us, 0.001));

    return TOP + PLOT_H - (v - s->low) / (s->high - s->low) * PLOT_H;
}

static struct scale scale_of(const struct dev_stats *s, unsigned op)
{
    struct scale scale = {.low = 9, .high = -3};

    for (unsigned i = 0; i < STAGE_COUNT; i++) {
        const struct hist *h = &s->stage[op][i];

        if (!h->count)
            continue;
        scale.low = MIN(scale.low, floor(log10(MAX(us(hist_quantile(h, 100000)), 0.01))));
        scale.high = MAX(scale.high, ceil(log10(MAX(us(h->max_ns), 0.01))));
    }
    if (scale.high <= scale.low)
        scale.high = scale.low + 1;
    return scale;
}

static void axes(const struct scale *s, struct bytes *out)
{
    static const struct {
        double part;
        const char *name;
    } ticks[] = {{0, "0"},      {0.5, "50%"},     {0.9, "90%"},
                 {0.99, "99%"}, {0.999, "99.9%"}, {0.9999, "99.99%"}};

    for (size_t i = 0; i < ARRAY_SIZE(ticks); i++)
        bytes_printf(out,
                     "<path d=\"M%.1f %d v%d\" stroke=\"#ddd\"/><text x=\"%.1f\" y=\"%d\" "
                     "text-anchor=\"middle\">%s</text>\n",
                     x_of(ticks[i].part), TOP, PLOT_H, x_of(ticks[i].part), TOP + PLOT_H + 18,
                     ticks[i].name);
    for (int v = (int)s->low; v <= (int)s->high; v++) {
        double y = y_of(s, pow(10, v));

        bytes_printf(out,
                     "<path d=\"M%d %.1f h%d\" stroke=\"#ddd\"/><text x=\"%d\" y=\"%.1f\" "
                     "text-anchor=\"end\">%g &#181;s</text>\n",
                     LEFT, y, PLOT_W, LEFT - 6, y + 4, pow(10, v));
    }
}

static void curve(const struct hist *h, unsigned stage, const struct scale *s, struct bytes *out)
{
    double x, y;
    bool begun = false;

    bytes_printf(out, "<path fill=\"none\" stroke-width=\"1.8\" stroke=\"%s\" d=\"",
                 colours[stage]);
    for (unsigned twentieth = 0; twentieth <= 5 * 20; twentieth++) { /* of a nine */
        double part = 1 - pow(10, -(double)twentieth / 20);

        /* Beyond the last value there is nothing to show. */
        if ((1 - part) * (double)h->count < 0.5)
            break;
        x = x_of(part);
        y = y_of(s, us(hist_quantile(h, (uint32_t)(part * 1e6))));
        bytes_printf(out, "%c%.1f %.1f", begun ? 'L' : 'M', x, y);
        begun = true;
    }
    /* The names stand in a row above: at the ends of the curves they would cover each other. */
    bytes_printf(out,
                 "\"/>\n<text x=\"%d\" y=\"14\" style=\"fill:%s;font-weight:bold\">%s</text>\n",
                 LEFT + 10 + (int)stage * 90, colours[stage], latency_stage_name(stage));
}

static void curves(const struct dev_stats *s, unsigned op, struct bytes *out)
{
    struct scale scale = scale_of(s, op);

    bytes_printf(out,
                 "<svg viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\" "
                 "aria-label=\"latency by percentile\">\n",
                 LEFT + PLOT_W + RIGHT, TOP + PLOT_H + BOTTOM, LEFT + PLOT_W + RIGHT,
                 TOP + PLOT_H + BOTTOM);
    axes(&scale, out);
    for (unsigned i = 0; i < STAGE_COUNT; i++) {
        if (s->stage[op][i].count)
            curve(&s->stage[op][i], i, &scale, out);
    }
    bytes_printf(out, "</svg>\n");
}

static bool any_stage(const struct dev_stats *s, unsigned op)
{
    for (unsigned i = 0; i < STAGE_COUNT; i++) {
        if (s->stage[op][i].count)
            return true;
    }
    return false;
}

void latency_html(const struct latency_device *d, size_t n, struct bytes *out)
{
    bytes_add(out, head, sizeof(head) - 1);
    if (n == 0)
        bytes_printf(out, "<p>No device.</p>\n");
    for (size_t i = 0; i < n; i++) {
        bytes_printf(out, "<h2>");
        text(out, d[i].guest);
        bytes_printf(out, " %s/%u of ", d[i].kind, d[i].devid);
        text(out, d[i].domain);
        bytes_printf(out, "</h2>\n");
        for (unsigned op = 0; op < STAT_OPS; op++) {
            if (!any_stage(d[i].stats, op))
                continue;
            bytes_printf(out, "<h3>%s</h3>\n", latency_op_name(d[i].kind, op));
            stage_bar(d[i].stats, op, out);
            curves(d[i].stats, op, out);
            stage_table(d[i].stats, op, out);
        }
    }
    bytes_printf(out, "</body></html>\n");
}

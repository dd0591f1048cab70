/// What is asked of a page in its own language. `berthLook` is defined in it once for each page.
enum Looking {
    static let script = #"""
        window.berthLook = (() => {
          const boxOf = (node) => { const r = node.getBoundingClientRect(); return { x: r.x, y: r.y, r: r.right, b: r.bottom, w: r.width, h: r.height }; };
          const shown = (node) => node.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && node.getBoundingClientRect().width > 0 && !node.closest(".unseen");
          const meet = (a, b, slack = 0.5) => a.x < b.r - slack && b.x < a.r - slack && a.y < b.b - slack && b.y < a.b - slack;
          const picture = () => document.getElementById("picture");
          // Lines of text in the picture, each with its words.
          const pictureTexts = () => [...picture().querySelectorAll("text")].filter(shown).map((node) => ({ node, words: node.textContent, ...boxOf(node) }));
          const overlaps = () => {
            const all = pictureTexts(), found = [];
            all.forEach((a, i) => all.slice(i + 1).forEach((b) => { if (meet(a, b)) found.push(`"${a.words}" and "${b.words}"`); }));
            return found;
          };
          // Straight pieces of every wire, spine, stub, bar and of the packet's way.
          const pieces = () => {
            const matrix = picture().getScreenCTM();
            return [...picture().querySelectorAll("polyline, line.bus")].filter(shown).flatMap((node) => {
              const raw = node.tagName === "line" ? [["x1", "y1"], ["x2", "y2"]].map((pair) => pair.map((name) => Number(node.getAttribute(name))))
                : node.getAttribute("points").trim().split(/\s+/).map((pair) => pair.split(",").map(Number));
              const points = raw.map(([x, y]) => new DOMPoint(x, y).matrixTransform(matrix));
              return points.slice(1).map((point, i) => ({ id: node.dataset.id || node.getAttribute("class"), x: Math.min(point.x, points[i].x), r: Math.max(point.x, points[i].x), y: Math.min(point.y, points[i].y), b: Math.max(point.y, points[i].y) }));
            });
          };
          // The card is drawn above the wires and stands on them: its own words are no label.
          const crossings = () => {
            const labels = pictureTexts().filter((item) => !item.node.closest("#card, #end"));
            return pieces().flatMap((line) => labels.filter((item) => line.x < item.r - 1 && line.r > item.x + 1 && line.y < item.b - 1 && line.b > item.y + 1 || (line.x === line.r && line.x > item.x && line.x < item.r && line.y < item.b - 1 && line.b > item.y + 1) || (line.y === line.b && line.y > item.y + 1 && line.y < item.b - 1 && line.x < item.r - 1 && line.r > item.x + 1)).map((item) => `${line.id} through "${item.words}"`));
          };
          // How far the card's middle is from the way.
          const offWay = () => {
            const way = picture().querySelector("[data-id=way]"), card = document.getElementById("card");
            if (!way || !card) return Infinity;
            const paper = boxOf(card.querySelector(".paper"));
            const matrix = way.getScreenCTM().inverse();
            const middle = new DOMPoint((paper.x + paper.r) / 2, (paper.y + paper.b) / 2).matrixTransform(matrix);
            const long = way.getTotalLength();
            let best = Infinity;
            for (let far = 0; far <= long; far += 0.5) { const p = way.getPointAtLength(far); best = Math.min(best, Math.hypot(p.x - middle.x, p.y - middle.y)); }
            return best;
          };
          // Words of a box that do not lie in it.
          const astray = () => [...picture().querySelectorAll("[data-layer=boxes] > g, [data-layer=gates] > g")].flatMap((group) => {
            const box = (id) => picture().querySelector(`[data-layer=boxes] > [data-id="${id}"]`);
            const frame = boxOf((box(group.dataset.id) || box(group.dataset.id.split("/")[0])).querySelector(".frame"));
            return [...group.querySelectorAll("text")].filter((node) => { const own = boxOf(node); return own.x < frame.x || own.r > frame.r || own.y < frame.y || own.b > frame.b; }).map((node) => node.textContent);
          });
          const outside = () => [...document.querySelectorAll("body *")].filter((node) => !node.closest("svg, #rows, #stage, #side, #time, script, [hidden]") && shown(node)).filter((node) => { const r = node.getBoundingClientRect(); return r.right > innerWidth + 0.5 || r.left < -0.5; }).map((node) => node.id || node.tagName)
              .concat(document.documentElement.scrollWidth > innerWidth ? [`the page is ${document.documentElement.scrollWidth} wide`] : []);
          // Words of the page that lie on each other.
          const crowded = () => {
            const inner = [...document.querySelectorAll("#head > *, #form > *, #tools > *, #trace > .bar > *, #tabs > *")].filter(shown).filter((node) => node.id !== "form");
            const found = [];
            inner.forEach((a, i) => inner.slice(i + 1).forEach((b) => { if (!a.contains(b) && !b.contains(a) && meet(boxOf(a), boxOf(b), 1)) found.push(`${a.id || a.textContent} and ${b.id || b.textContent}`); }));
            return found;
          };
          const smallText = () => [...document.querySelectorAll("body *")].filter((node) => shown(node) && [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim()) && parseFloat(getComputedStyle(node).fontSize) < 13).map((node) => node.textContent.trim().slice(0, 30));
          const name = (node) => node.getAttribute("aria-label") || (node.labels && [...node.labels].map((item) => item.textContent).join(" ")) || node.textContent.trim();
          const nameless = () => [...document.querySelectorAll("button, select, input, [tabindex], [role=img], [role=button]")].filter((node) => shown(node) && !name(node)).map((node) => node.outerHTML.slice(0, 80));
          const luminance = (color) => { const part = (n) => { const v = n / 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }; const [r, g, b] = [1, 3, 5].map((i) => part(parseInt(color.slice(i, i + 2), 16))); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
          const colour = (variable) => getComputedStyle(document.documentElement).getPropertyValue(`--${variable}`).trim().toUpperCase();
          const contrast = (a, b) => { const [x, y] = [luminance(colour(a)), luminance(colour(b))].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
          // Characters that the pinned fonts draw as they draw one that nobody has.
          const tofu = () => {
            const canvas = document.createElement("canvas"); canvas.width = canvas.height = 40;
            const draw = canvas.getContext("2d", { willReadFrequently: true });
            const look = (font, letter) => { draw.clearRect(0, 0, 40, 40); draw.font = `24px ${font}`; draw.fillText(letter, 4, 30); return draw.getImageData(0, 0, 40, 40).data.join(); };
            const letters = new Set([...document.body.innerText, ...[...document.querySelectorAll("svg text")].map((node) => node.textContent).join("")].filter((letter) => letter.trim()));
            const missing = [];
            for (const font of ['"DejaVu Sans"', '"DejaVu Sans Mono"']) { const none = look(font, "\u{10FFFE}"); for (const letter of letters) if (look(font, letter) === none) missing.push(`${letter} (${font})`); }
            return missing;
          };
          return { overlaps, crossings, astray, offWay, outside, crowded, smallText, nameless, contrast, colour, tofu, pieces, pictureTexts, boxOf };
        })();
        """#
}

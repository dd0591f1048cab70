import Foundation

extension Bench {
    /// The picture with a palette of the theme's and its most frequent colours, 256 (what has another gets the nearest), a third of its size. Chromium counts and
    /// compresses.
    func packed(_ picture: Data) throws -> Data {
        let kept =
            try page.value(
                "JSON.stringify(['bg', 'ink', 'line', 'box', 'request', 'reply', 'rewritten', 'ok', 'drop'].map(berthLook.colour))"
            ) as? String ?? "[]"
        let tab = try Page(chromium)
        defer { tab.close() }
        let script = """
            (async () => {
              const image = new Image(); image.src = 'data:image/png;base64,\(picture.base64EncodedString())'; await image.decode();
              const canvas = new OffscreenCanvas(image.width, image.height), draw = canvas.getContext('2d');
              draw.drawImage(image, 0, 0);
              const { data, width, height } = draw.getImageData(0, 0, image.width, image.height);
              const counts = new Map();
              for (let n = 0; n < data.length; n += 4) { const colour = data[n] << 16 | data[n + 1] << 8 | data[n + 2]; counts.set(colour, (counts.get(colour) || 0) + 1); }
              // A rare colour of a meaning counts more than many greys of letters' edges.
              const weight = ([colour, count]) => { const parts = [colour >> 16, colour >> 8 & 255, colour & 255]; return count * (1 + (Math.max(...parts) - Math.min(...parts)) / 8); };
              const kept = \(kept).map((colour) => parseInt(colour.slice(1), 16));
                const palette = [...new Set(kept.concat([...counts].sort((a, b) => weight(b) - weight(a) || a[0] - b[0]).map((entry) => entry[0])))].slice(0, 256);
              const places = new Map(palette.map((colour, place) => [colour, place]));
              const off = (a, b) => Math.abs((a >> 16) - (b >> 16)) + Math.abs((a >> 8 & 255) - (b >> 8 & 255)) + Math.abs((a & 255) - (b & 255));
              const place = (colour) => {
                if (!places.has(colour)) places.set(colour, palette.reduce((best, other, n) => (off(colour, other) < off(colour, palette[best]) ? n : best), 0));
                return places.get(colour);
              };
              const rows = new Uint8Array((width + 1) * height);
              for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) { const n = 4 * (y * width + x); rows[y * (width + 1) + 1 + x] = place(data[n] << 16 | data[n + 1] << 8 | data[n + 2]); }
              const deflated = new Uint8Array(await new Response(new Blob([rows]).stream().pipeThrough(new CompressionStream('deflate'))).arrayBuffer());
              const sums = Array.from({ length: 256 }, (_, n) => { for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ n >>> 1 : n >>> 1; return n >>> 0; });
              const number = (value) => [value >>> 24, value >>> 16 & 255, value >>> 8 & 255, value & 255];
              const chunk = (name, bytes) => {
                const body = [...name].map((letter) => letter.charCodeAt(0)).concat(...[Array.from(bytes)]);
                const sum = body.reduce((sum, byte) => sums[(sum ^ byte) & 255] ^ sum >>> 8, 0xffffffff) ^ 0xffffffff;
                return [...number(bytes.length), ...body, ...number(sum >>> 0)];
              };
              const file = [137, 80, 78, 71, 13, 10, 26, 10].concat(chunk('IHDR', [...number(width), ...number(height), 8, 3, 0, 0, 0]),
                chunk('PLTE', palette.flatMap((colour) => [colour >> 16, colour >> 8 & 255, colour & 255])), chunk('IDAT', deflated), chunk('IEND', []));
              let text = '';
              for (const byte of file) text += String.fromCharCode(byte);
              return btoa(text);
            })()
            """
        guard let data = Data(base64Encoded: try tab.value(script) as? String ?? ""), data.count > 1000 else {
            throw Failure("the picture could not be packed")
        }
        return data
    }
}

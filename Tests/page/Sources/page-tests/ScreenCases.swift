import Foundation

/// The pictures of docs/screens: what lesson 07 looks like, compared with the stored ones.
private struct Screen {
    let fixture: String
    let step: (Bench) throws -> Int
    let name: String
    /// What of the picture is opened.
    var opens: String?
}

private var moments: [Screen] {
    [
        Screen(fixture: "before", step: { _ in 0 }, name: "before"),
        Screen(
            fixture: "after",
            step: { bench in (try bench.steps("after").firstIndex { $0["kind"] as? String == "rewrite" } ?? 0) + 1 },
            name: "mid-path"),
        Screen(fixture: "dropped", step: { try $0.steps("dropped").count }, name: "dropped"),
        Screen(
            fixture: "after",
            step: { bench in
                let legs = try bench.journey("after")["legs"] as? [[String: Any]] ?? []
                return ((legs.first?["steps"] as? [Any])?.count ?? 0) + 6
            }, name: "reply"),
        Screen(fixture: "after", step: { _ in 0 }, name: "bridge", opens: "host/link/br0"),
    ]
}
private let looks: [(name: String, width: Int, height: Int, dark: Bool)] = [
    ("light", 1440, 900, false), ("dark", 1440, 900, true), ("medium", 1024, 768, false), ("narrow", 390, 844, false),
]

var screenCases: [Case] {
    moments.flatMap { moment in
        looks.filter { moment.opens == nil || $0.name == "light" || $0.name == "narrow" }.map { look in
            Case(name: "screen 07-\(moment.name)-\(look.name)") { bench in
                try bench.still(moment.fixture, step: try moment.step(bench), look.width, look.height, dark: look.dark)
                if let id = moment.opens {
                    try bench.page.value("document.querySelector('[data-id=\"\(id)\"]').focus()")
                    try bench.page.press("Enter")
                }
                let picture = try bench.page.screenshot()
                let file = "07-\(moment.name)-\(look.name).png"
                if bench.updates {
                    let packed = try bench.packed(picture)
                    try expect(packed.count < 150_000, "\(file) has \(packed.count) bytes")
                    try packed.write(to: URL(fileURLWithPath: "\(bench.screens)/\(file)"))
                    return
                }
                let stored = "\(bench.screens)/\(file)"
                guard let wanted = FileManager.default.contents(atPath: stored) else {
                    throw Failure("\(stored) is missing; page-tests --update writes it")
                }
                try picture.write(to: URL(fileURLWithPath: "\(bench.artifacts)/\(file)"))
                try bench.compare(wanted, picture, file)
            }
        }
    }
}

extension Bench {
    /// At most 0.5 % of the pixels may differ; where more do, a picture of them is written. Chromium itself decodes both, on a page without a policy.
    func compare(_ wanted: Data, _ found: Data, _ name: String) throws {
        let tab = try Page(chromium)
        defer { tab.close() }
        let script = """
            (async () => {
              const read = async (text) => { const image = new Image(); image.src = 'data:image/png;base64,' + text; await image.decode(); const canvas = document.createElement('canvas'); canvas.width = image.width; canvas.height = image.height; const draw = canvas.getContext('2d'); draw.drawImage(image, 0, 0); return [canvas, draw, draw.getImageData(0, 0, image.width, image.height)]; };
              const [, , a] = await read('\(wanted.base64EncodedString())'), [canvas, draw, b] = await read('\(found.base64EncodedString())');
              if (a.width !== b.width || a.height !== b.height) return { part: 1, picture: '' };
              let count = 0;
              for (let n = 0; n < a.data.length; n += 4) {
                const off = Math.max(Math.abs(a.data[n] - b.data[n]), Math.abs(a.data[n + 1] - b.data[n + 1]), Math.abs(a.data[n + 2] - b.data[n + 2]));
                if (off > 8) { count++; b.data.set([255, 0, 255, 255], n); } else { b.data[n + 3] = 80; }
              }
              draw.clearRect(0, 0, a.width, a.height); draw.putImageData(b, 0, 0);
              return { part: count / (a.width * a.height), picture: count ? canvas.toDataURL('image/png').split(',')[1] : '' };
            })()
            """
        let answer = try tab.value(script) as? [String: Any] ?? [:]
        let part = (answer["part"] as? NSNumber)?.doubleValue ?? 1
        if part > 0.005 {
            let difference = "\(artifacts)/difference-\(name)"
            if let text = answer["picture"] as? String, let data = Data(base64Encoded: text), !data.isEmpty {
                try data.write(to: URL(fileURLWithPath: difference))
            }
            throw Failure(
                "\(String(format: "%.2f", part * 100)) % of the pixels of \(name) differ from \(screens)/\(name); see \(difference) (page-tests --update when it is to be so)"
            )
        }
    }
}

var allCases: [Case] { pictureCases + keyCases + stateCases + liveCases + screenCases }

import Foundation

private let worlds = ["before", "dropped", "after"]

/// Each step of each saved journey, at each size, in one walk: the packet, the table and the texts.
var pictureCases: [Case] {
    worlds.flatMap { name in
        sizes.map { width, height in
            Case(
                name:
                    "\(name) \(width)x\(height): at each step the card stands on the way, the row is marked, and nothing lies on a text"
            ) { bench in
                let steps = try bench.steps(name)
                try bench.still(name, width, height)
                try bench.none("berthLook.overlaps()", "texts overlap before the first step")
                try bench.none("berthLook.crossings()", "wires cross labels")
                try bench.none("berthLook.astray()", "not in their box")
                try bench.none("berthLook.outside()", "outside the window")
                try bench.none("berthLook.crowded()", "parts lie on each other")
                try bench.none("berthLook.smallText()", "smaller than 13 px")
                try bench.none("berthLook.nameless()", "without a name")
                try expect(
                    try bench.page.text("document.getElementById('count').textContent") == "step 0/\(steps.count)",
                    "the page counts other steps than the journey's \(steps.count)")
                for number in 1...steps.count {
                    try bench.page.press("ArrowRight")
                    try bench.page.wait(
                        "document.getElementById('count').textContent === 'step \(number)/\(steps.count)'")
                    let off = try bench.page.number("berthLook.offWay()")
                    try expect(off <= 1, "step \(number): the card's middle is \(off) px off the way")
                    try bench.none("berthLook.overlaps()", "step \(number): texts overlap")
                    try bench.none("berthLook.crossings()", "step \(number): wires cross labels")
                    let row = try bench.page.text("document.querySelector('#rows tr[aria-current]')?.dataset.step")
                    try expect(row == "\(number)", "step \(number): row \(row) is marked")
                    try bench.none("berthLook.outside()", "step \(number): outside the window")
                    try expect(
                        try bench.page.holds(
                            "((card, stage) => card.x >= stage.x && card.r <= stage.r && card.y >= stage.y && card.b <= stage.b && stage.b <= innerHeight)(berthLook.boxOf(document.getElementById('card')), berthLook.boxOf(document.getElementById('stage')))"
                        ), "step \(number): the card is not in sight")
                }
            }
        }
    } + [
        Case(name: "a rewrite, the reply and a drop are seen on the card, by shape and word") { bench in
            let page = bench.page
            let steps = try bench.steps("after")
            let rewrite = (steps.firstIndex { $0["kind"] as? String == "rewrite" } ?? -2) + 1
            try bench.still("after", step: rewrite)
            try expect(
                try page.text("document.querySelector('#card .new').textContent") == "10.88.0.2:80",
                "the new destination is not marked")
            try expect(
                try page.text("getComputedStyle(document.querySelector('#card .old')).textDecorationLine")
                    == "line-through", "the old value is not struck through")
            try expect(
                try page.text("document.querySelector('#card .old').textContent") == "198.51.100.2:8080",
                "the old value is another")
            try page.press("ArrowRight")
            try expect(
                try page.holds(
                    "[...document.querySelectorAll('#card .was')].map((node) => node.textContent).join('') === 'was 198.51.100.2:8080'"
                ), "afterwards the card has no \"was …\"")
            try expect(
                try page.text("document.querySelector('tr[data-step=\"\(rewrite)\"] td.changed').textContent")
                    == "10.88.0.2:80 ⟵ 198.51.100.2:8080", "the table does not mark the changed cell")
            try page.press("End")
            try expect(
                try page.text("document.querySelector('#card .word').textContent") == "REPLY",
                "the reply's card has no word REPLY")
            try expect(
                try page.text("getComputedStyle(document.querySelector('#card .inner')).stroke") != "none",
                "the reply's outline is not double")
            try bench.still("dropped", step: try bench.steps("dropped").count)
            try expect(
                try page.number("parseFloat(getComputedStyle(document.querySelector('#card .paper')).strokeWidth)")
                    >= 5, "a dropped card's outline is not thick")
            try expect(
                try page.holds(
                    "document.querySelector('#end .cross') && document.getElementById('end').textContent.replace(/\\s/g, '').includes('nooftheiplab') === false && document.getElementById('end').textContent.includes('dropped')"
                ), "no cross, or no reason beside the card")
            try page.value("new Promise((done) => setTimeout(done, 700))")
            try expect(try page.holds("document.getElementById('end')"), "the reason does not stay")
        },
        Case(name: "a journey with lost events has a stripe that says so, and dashed what is inferred") { bench in
            var saved = try bench.saved("after")
            var journey = try bench.journey("after")
            var legs = journey["legs"] as? [[String: Any]] ?? []
            // Nobody saw it leave inet and come to host.
            legs[0]["steps"] = (legs[0]["steps"] as? [[String: Any]] ?? []).filter {
                !(["dev:eth1", "dev:eth0"].contains($0["at"] as? String ?? "")
                    && ["inet", "host"].contains($0["ns"] as? String ?? "") && $0["ns"] as? String != "inet"
                    || $0["at"] as? String == "dev:eth1")
            }
            journey["legs"] = legs
            journey["complete"] = false
            journey["lost_events"] = 41
            saved["journey"] = journey
            try bench.still(saved, name: "lost", step: 8)
            try expect(
                try bench.page.text("document.getElementById('note').textContent")
                    == "41 events lost; dashed part is inferred.", "no stripe")
            try expect(
                try bench.page.number("document.querySelectorAll('#picture .inferred').length") > 0, "nothing is dashed"
            )
            try expect(
                try bench.page.text("getComputedStyle(document.querySelector('#picture .inferred')).strokeDasharray")
                    != "none", "inferred is not dashed")
        },
        Case(name: "a packet that never left has no step, and its end and the advice all the same") { bench in
            var saved = try bench.saved("before")
            saved["journey"] = [
                "v": 1, "probe": ["from": "client", "to": "192.0.2.9:80/tcp"], "complete": true, "lost_events": 0,
                "legs": [
                    [
                        "dir": "forward", "steps": [Any](),
                        "end": ["kind": "lost", "ns": "client", "reason": "client has no route to 192.0.2.9"],
                    ]
                ],
                "conntrack": [Any](), "advice": ["why": "client has no route to 192.0.2.9"],
            ]
            try bench.still(saved, name: "none")
            try expect(
                try bench.page.text("document.querySelector('tr.end.bad')?.textContent").contains(
                    "lost: client has no route"), "its end is not told")
            try expect(
                try bench.page.text("document.querySelector('.advice')?.textContent").contains("Why: "), "nor why")
        },
        Case(name: "every character has a glyph in the pinned fonts, and no other font is used") { bench in
            for name in worlds {
                try bench.still(name, step: 7)
                try bench.none("berthLook.tofu()", "no glyph for")
                try bench.page.send("DOM.enable")
                try bench.page.send("CSS.enable")
                let document = try bench.page.send("DOM.getDocument", ["depth": 0])
                let root = (document["root"] as? [String: Any])?["nodeId"] as? Int ?? 0
                let nodes =
                    try bench.page.send(
                        "DOM.querySelectorAll",
                        [
                            "nodeId": root,
                            "selector": "body, #head, #trace, #side, #picture text, #rows td, button, select, input",
                        ])["nodeIds"] as? [Int] ?? []
                try expect(nodes.count > 50, "only \(nodes.count) elements were looked at")
                for node in nodes {
                    let fonts =
                        try bench.page.send("CSS.getPlatformFontsForNode", ["nodeId": node])["fonts"]
                        as? [[String: Any]] ?? []
                    for font in fonts {
                        let family = font["familyName"] as? String ?? ""
                        try expect(family.hasPrefix("DejaVu"), "a text stands in \(family)")
                    }
                }
            }
        },
        Case(
            name:
                "contrast, computed from the colours: texts 4.5, lines 3, in both themes, and the colours are the given ones"
        ) { bench in
            let given = [
                false: [
                    "bg": "#FFFFFF", "ink": "#1A1A1A", "line": "#5B6470", "box": "#F5F7FA", "request": "#0072B2",
                    "reply": "#B35900", "rewritten": "#7B3294", "ok": "#00694F", "drop": "#B3261E",
                ],
                true: [
                    "bg": "#11151A", "ink": "#E8EAED", "box": "#1B222A", "request": "#56B4E9", "reply": "#E69F00",
                    "rewritten": "#CC79A7", "ok": "#5DD39E", "drop": "#FF8A80",
                ],
            ]
            for dark in [false, true] {
                try bench.still("after", step: 7, dark: dark)
                for (name, value) in given[dark] ?? [:] {
                    try expect(try bench.page.text("berthLook.colour('\(name)')") == value, "--\(name) is not \(value)")
                }
                let texts =
                    ["ink", "line", "rewritten", "ok", "drop", "reply"].flatMap { [($0, "bg"), ($0, "box")] } + [
                        ("bg", "request"), ("warnink", "warn"), ("request", "box"), ("request", "bg"),
                    ]
                for (front, back) in texts {
                    let ratio = try bench.page.number("berthLook.contrast('\(front)', '\(back)')")
                    try expect(ratio >= 4.5, "\(dark ? "dark" : "light"): text \(front) on \(back) has \(ratio)")
                }
                for line in ["line", "request", "reply", "rewritten", "drop", "ok", "focus"] {
                    for back in ["bg", "box"] {
                        let ratio = try bench.page.number("berthLook.contrast('\(line)', '\(back)')")
                        try expect(ratio >= 3, "\(dark ? "dark" : "light"): line \(line) on \(back) has \(ratio)")
                    }
                }
            }
        },
        Case(name: "the page is smaller than 60 kB, has no library, and sets no markup from data") { bench in
            try expect(bench.pageText.utf8.count < 60_000, "it has \(bench.pageText.utf8.count) bytes")
            for word in [
                "https://", "src=", "insertAdjacentHTML", "outerHTML", "document.write", "eval(", "new Function",
            ] {
                try expect(!bench.pageText.contains(word), "it has \(word)")
            }
            try expect(
                bench.pageText.range(of: "innerHTML *=[^=]", options: .regularExpression) == nil, "it sets innerHTML")
        },
        Case(name: "what is written as data stays text") { bench in
            var saved = try bench.saved("after")
            var state = try bench.state("after")
            state["title"] = "<img src=x onerror=alert(1)></script><b>07</b>"
            saved["state"] = state
            try bench.still(saved, name: "markup")
            try expect(
                try bench.page.text("document.getElementById('title').textContent")
                    == "<img src=x onerror=alert(1)></script><b>07</b>", "the title is not as given")
            try expect(
                try bench.page.number("document.querySelectorAll('#title *').length") == 0, "markup became elements")
        },
    ]
}

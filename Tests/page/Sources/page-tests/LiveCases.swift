import Foundation

/// Lesson 07 by the real server, from its start to the answered packet and the server's death.
var liveCases: [Case] {
    [
        Case(name: "lesson 07, live: what a learner does is seen, and each packet as the tracer tells it") { bench in
            let berth = try Berth(bench.berth)
            defer { berth.end() }
            let page = bench.page
            try berth.run("lab", "start", "07", "--backend", "nft")
            let address = try berth.startView("--lab", "--listen", "127.0.0.1:0")
            try page.open(address)
            try page.ready()
            try page.value(Looking.script)
            try page.wait("document.getElementById('live').textContent === 'live'")
            let boxes = try page.texts(
                "[...document.querySelectorAll('[data-layer=boxes] > g')].map((box) => box.dataset.id).sort()")
            try expect(boxes == ["app", "client", "host", "inet", "web"], "the boxes are \(boxes)")
            try expect(
                try page.holds("document.querySelectorAll('#tasks li').length === 6"),
                "the lesson's six tasks are not there")
            try bench.walk("refused by host")

            try berth.run(
                "lab", "exec", "host", "--", "nft",
                "add chain ip lab prerouting { type nat hook prerouting priority -100; }")
            try berth.run(
                "lab", "exec", "host", "--", "nft",
                "add rule ip lab prerouting fib daddr type local tcp dport 8080 counter dnat to 10.88.0.2:80")
            try page.wait("document.querySelector('[data-id=\"host/gate/prerouting\"]')")
            try page.wait(
                "[...document.querySelectorAll('#time button')].some((entry) => entry.textContent.includes('prerouting'))"
            )
            try bench.walk("dropped at forward")
            try expect(
                try page.text("document.getElementById('end')?.textContent").contains("dropped"),
                "no reason beside the dropped card")

            try berth.run("lab", "exec", "host", "--", "nft", "add rule ip lab forward ct status dnat counter accept")
            try page.wait(
                "document.querySelector('[data-id=\"host/gate/forward\"]').getAttribute('aria-label').includes('2 rules')"
            )
            try bench.walk("answered")
            try expect(try page.text("document.querySelector('#card .word')?.textContent") == "REPLY", "no reply")
            try expect(
                try page.holds("document.querySelector('tr.end.ok')"), "the table does not say that it was delivered")
            try page.wait("document.querySelector('#flows [data-address=\"10.88.0.2\"]')")

            try page.press("c")
            try page.wait(
                "document.getElementById('answer').textContent !== '' || document.querySelector('#tasks li.done')",
                seconds: 20)
            try page.press("h")
            try page.wait("document.getElementById('tasks').textContent.includes('Hint:')", seconds: 10)

            let start = now()
            berth.killView()
            try page.wait("document.getElementById('note').textContent.startsWith('Lost the connection')", seconds: 2.2)
            try expect(now() - start < 2.2, "the banner came late")
        },
        Case(
            name:
                "other lessons' worlds, live: nothing lies on a text, and their packet stands on its way, wide and narrow"
        ) { bench in
            let berth = try Berth(bench.berth)
            defer { berth.end() }
            let page = bench.page
            var failed: [String] = []
            for lesson in bench.lessons {
                do {
                    try berth.run("lab", "start", lesson, "--backend", "nft")
                    let address = try berth.startView("--lab", "--listen", "127.0.0.1:0")
                    for (width, height) in [(1440, 900), (390, 844)] {
                        try page.open(address, width, height)
                        try page.ready()
                        try page.value(Looking.script)
                        try bench.none("berthLook.overlaps()", "texts overlap")
                        try bench.none("berthLook.crossings()", "wires cross labels")
                        try bench.none("berthLook.astray()", "not in their box")
                        try page.wait("document.getElementById('live').textContent === 'live'")
                        if try !page.holds(
                            "document.getElementById('send').disabled || !document.getElementById('to').value")
                        {
                            try bench.walk("\(width) px")
                        }
                    }
                } catch { failed.append("lesson \(lesson): \(error)") }
                berth.killView()
                try berth.run("lab", "stop", mayFail: true)
            }
            try expect(failed.isEmpty, failed.joined(separator: "\n  "))
        },
    ]
}

extension Bench {
    /// Sends the packet by the key and goes through its steps: each stands on the way, and nothing lies on a text.
    func walk(_ words: String) throws {
        try page.value("window.before_ = journey && JSON.stringify(journey)")
        try page.press("s")
        try page.wait("journey && JSON.stringify(journey) !== before_", seconds: 10)
        try page.press("Home")
        let count = Int(try page.number("journey.legs.flatMap((leg) => leg.steps).length"))
        try page.wait("document.getElementById('count').textContent === 'step 0/\(count)'")
        for number in 1..<(count + 1) {
            try page.press("ArrowRight")
            try page.wait("document.getElementById('count').textContent === 'step \(number)/\(count)'")
            let off = try page.number("berthLook.offWay()")
            try expect(off <= 1, "\(words), step \(number): the card's middle is \(off) px off the way")
            try none("berthLook.overlaps()", "\(words), step \(number): texts overlap")
            try none("berthLook.crossings()", "\(words), step \(number): wires cross labels")
        }
    }
}

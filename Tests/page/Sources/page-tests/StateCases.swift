import Foundation

private func problem(_ kind: String, _ text: String, _ commands: [String]) -> [String: Any] {
    ["kind": kind, "text": text, "commands": commands]
}
private var emptyPicture: [String: Any] {
    ["width": 0, "height": 0, "boxes": [Any](), "wires": [Any](), "lanes": [Any]()]
}

private func withoutWorld(_ state: inout [String: Any], _ told: [String: Any]) {
    state["problem"] = told
    state["map"] = ["v": 1, "nodes": [Any](), "cables": [Any]()]
    state["pictures"] = ["wide": emptyPicture, "narrow": emptyPicture]
    for key in ["tasks", "conntrack", "timeline"] { state[key] = [Any]() }
    state["goal"] = NSNull()
    state["rules"] = [String: Any]()
}

var stateCases: [Case] {
    [
        Case(name: "empty: a box called host and three commands to copy") { bench in
            let page = bench.page
            let commands = ["berth lab start 01", "berth run berth/busybox", "berth view --host"]
            try bench.live("before") {
                withoutWorld(&$0, problem("empty", "No lab stands here, and no container.", commands))
            }
            try expect(
                try page.texts("[...document.querySelectorAll('#problem code')].map((node) => node.textContent)")
                    == commands, "the commands are others")
            try expect(
                try page.number("document.querySelectorAll('#problem button').length") == 3, "not each can be copied")
            try expect(
                try page.text("document.querySelector('#problem svg').getAttribute('aria-label')").contains("host"),
                "no box")
            try expect(
                try page.text("document.getElementById('rows').textContent") == "Send a packet to see its path.",
                "the trace says something else")
            try expect(
                try page.text("document.getElementById('flows').textContent").contains("No flows yet."),
                "conntrack says something else")
            try bench.none("berthLook.outside()", "outside the window")
        },
        Case(name: "denied: the sentence, and nothing to send") { bench in
            let words =
                "Reading other namespaces needs root. Run: sudo berth view --host — or try a lab: berth lab start 01"
            try bench.live("before") {
                withoutWorld(&$0, problem("denied", words, ["sudo berth view --host", "berth lab start 01"]))
            }
            try expect(
                try bench.page.text("document.querySelector('#problem p').textContent") == words,
                "the sentence is another")
            try expect(try bench.page.holds("document.getElementById('send').disabled"), "a packet may be sent")
        },
        Case(name: "gone: the last picture, grey, and how to start it again") { bench in
            try bench.live("after") {
                $0["problem"] = problem("gone", "This lab ended. Start it again:", ["berth lab start 07"])
            }
            try expect(
                try bench.page.text("document.getElementById('note').textContent")
                    == "This lab ended. Start it again: berth lab start 07", "the note is another")
            try expect(
                try bench.page.holds(
                    "document.getElementById('stage').classList.contains('stale') && document.getElementById('picture')"
                ), "the picture is not grey")
            try expect(try bench.page.holds("document.getElementById('send').disabled"), "a packet may be sent")
        },
        Case(name: "read-only: nothing can be sent, and the button says why") { bench in
            try bench.live("after") { $0["allowed"] = ["probe": false, "lab": false] }
            try expect(
                try bench.page.text("document.getElementById('send').title").contains("--allow-probe"),
                "it does not say why")
            try bench.page.press("s")
            try bench.page.press("c")
            try bench.page.value("new Promise((done) => setTimeout(done, 200))")
            try expect(
                !bench.server.requests.contains { $0.path == "/probe" || $0.path == "/lab/check" },
                "it asked all the same")
        },
        Case(name: "server killed: the banner within two seconds, grey; and live again when it is back") { bench in
            let page = bench.page
            try bench.live("after") { $0["time"] = "14:03:22" }
            let start = now()
            bench.server.die()
            try page.wait(
                "document.getElementById('note').textContent.startsWith('Lost the connection') && document.getElementById('stage').classList.contains('stale')",
                seconds: 2)
            try expect(now() - start < 2, "it took \(now() - start) s")
            try expect(
                try page.text("document.getElementById('note').textContent").contains(
                    "picture is from 14:03:22. Retrying…"), "it does not say of when the picture is")
            try page.value("new Promise((done) => setTimeout(done, 1600))")
            try bench.server.comeBack()
            try page.wait(
                "document.getElementById('note').textContent === '' && document.getElementById('live').textContent === 'live'",
                seconds: 6)
            try expect(try page.holds("!document.getElementById('stage').classList.contains('stale')"), "it stays grey")
        },
        Case(name: "ten thousand state events a second: no frame takes 100 ms") { bench in
            let page = bench.page
            try bench.live("after")
            var other = try bench.state("after")
            other["time"] = "14:03:23"
            let states = [try bench.data(try bench.state("after")), try bench.data(other)]
            try page.value(
                "window.frames_ = []; { let last = performance.now(); const look = (at) => { frames_.push(at - last); last = at; requestAnimationFrame(look); }; requestAnimationFrame((at) => { last = at; requestAnimationFrame(look); }); } 0"
            )
            // On a machine that has other work a frame may come late for that: one of three times must hold.
            var said: [String] = []
            for _ in 0..<3 {
                let server = bench.server
                let written = Counter()
                try page.value("frames_.length = 0")
                Thread { written.set(server.flood("state", states, perSecond: 10_000, seconds: 3)) }.start()
                try page.value("new Promise((done) => setTimeout(done, 3200))")
                for _ in 0..<300 where written.value < 0 { usleep(10_000) }
                let (longest, count) = (try page.number("Math.max(...frames_)"), try page.number("frames_.length"))
                said.append("\(written.value) states, longest of \(Int(count)) frames \(Int(longest)) ms")
                if longest < 100, count > 60, written.value > 1_000 { break }
                try expect(said.count < 3, "\(said)")
            }
            say("  \(said.last ?? "")")
            bench.server.tell("state", states[1])
            try page.wait(
                "document.title.length > 0 && document.getElementById('live').textContent === 'live'", seconds: 5)
        },
        Case(name: "conntrack: the chip lights its address in the picture; STALE has a delete") { bench in
            let page = bench.page
            try bench.live("after") { state in
                state["conntrack"] = (state["conntrack"] as? [[String: Any]] ?? []).map {
                    $0.merging(["timeout": 90]) { _, new in new }
                }
            }
            let left = "parseInt(document.querySelector('#flows progress').getAttribute('aria-label').split(' ')[2])"
            let first = try page.number(left)
            try page.wait("\(left) <= \(first - 2) && \(left) >= \(first - 4)", seconds: 5)
            try page.value("document.querySelector('#flows [data-address=\"10.88.0.2\"]').click()")
            try page.wait(
                "[...document.querySelectorAll('#picture .lit')].some((node) => node.textContent.startsWith('10.88.0.2/'))"
            )
            try expect(
                try page.holds(
                    "[...document.querySelectorAll('#picture .lit')].every((node) => node.textContent.includes('10.88.0.2'))"
                ), "another address is lit")
            try expect(try page.number("document.querySelectorAll('#flows .flow').length") > 0, "no flow")
            var state = try bench.state("after")
            var flows = state["conntrack"] as? [[String: Any]] ?? []
            flows[0]["stale"] = true
            flows[0]["id"] = "dead"
            state["conntrack"] = flows
            bench.server.tell("conntrack", try bench.data(flows))
            try page.wait("document.querySelector('[data-flow=dead] .stale')?.textContent.trim() === 'STALE'")
            bench.server.answers["/conntrack/delete"] = Data("{}".utf8)
            try page.value("document.querySelector('[data-flow=dead] [data-delete]').click()")
            try page.wait("document.getElementById('say').textContent === 'The entry was deleted.'")
            try expect(
                bench.server.requests.contains { $0.path == "/conntrack/delete" && $0.body == "dead" },
                "not the entry's id was sent")
        },
        Case(name: "the timeline shows the state of then, and the way back") { bench in
            let page = bench.page
            var before = try bench.state("before")
            before["title"] = "07 as it was"
            try bench.live("after") {
                $0["timeline"] = [["id": 1, "time": "14:02:58", "text": "host: rule added at prerouting"]]
            }
            bench.server.answers["/state.json?at=1"] = try bench.data(before)
            try page.value("document.querySelector('#time [data-entry=\"1\"]').click()")
            try page.wait("document.getElementById('title').textContent === '07 as it was'")
            try expect(
                try page.holds(
                    "document.getElementById('note').textContent.includes('Picture from') && !document.querySelector('[data-id=\"host/gate/prerouting\"]')"
                ), "it is not the state of then")
            try page.press("Escape")
            try page.wait(
                "document.getElementById('title').textContent !== '07 as it was' && document.querySelector('[data-id=\"host/gate/prerouting\"]')"
            )
        },
        Case(name: "goal: what differs is outlined and said in words") { bench in
            try bench.still("before")
            let differences =
                ((try bench.state("before")["goal"] as? [String: Any])?["differences"] as? [[String: Any]] ?? [])
                .compactMap { $0["text"] as? String }
            try expect(!differences.isEmpty, "the fixture has no difference")
            try expect(
                try bench.page.texts("[...document.querySelectorAll('#goal li')].map((node) => node.textContent)")
                    == differences, "the words are others")
            try expect(
                try bench.page.number("document.querySelectorAll('#goal .differs').length") >= 1, "nothing is outlined")
        },
        Case(name: "narrow: panels are tabs under the picture, which is upright") { bench in
            let page = bench.page
            try bench.still("after", 390, 844)
            try expect(
                try page.holds(
                    "getComputedStyle(document.getElementById('tabs')).display === 'flex' && document.getElementById('rows').checkVisibility() && !document.getElementById('flows').checkVisibility()"
                ), "no tabs")
            try page.value("document.getElementById('tab-flows').click()")
            try expect(
                try page.holds(
                    "document.getElementById('flows').checkVisibility() && !document.getElementById('rows').checkVisibility() && document.getElementById('tab-flows').getAttribute('aria-selected') === 'true'"
                ), "the tab does not open its panel")
            try expect(
                try page.holds(
                    "document.getElementById('tabs').getBoundingClientRect().top >= document.getElementById('stage').getBoundingClientRect().bottom - 1"
                ), "the tabs are not under the picture")
            try expect(
                try page.holds(
                    "(({ width, height }) => height > width)(document.getElementById('picture').getBoundingClientRect())"
                ), "the picture is not upright")
            try page.size(1440, 900)
            try page.wait(
                "getComputedStyle(document.getElementById('tabs')).display === 'none' && (({ width, height }) => width > height)(document.getElementById('picture').getBoundingClientRect())"
            )
        },
        Case(
            name:
                "more than thirty boxes: one stands for the containers of a bridge, and the search finds each by its name"
        ) { bench in
            let page = bench.page
            let names = (1...27).map { "web-\($0)" }
            try bench.live("after") { state in
                var pictures = state["pictures"] as? [String: [String: Any]] ?? [:]
                let boxes = (pictures["wide"]?["boxes"] as? [[String: Any]] ?? []).map { box in
                    guard box["id"] as? String == "web" else { return box }
                    return box.merging([
                        "id": "host/link/br0/nodes", "title": "27 containers",
                        "collapsed": ["count": 27, "names": names],
                    ]) { _, new in new }
                }
                pictures["wide"]?["boxes"] = boxes
                state["pictures"] = pictures
            }
            // The search is open by itself, once.
            try page.wait("!document.getElementById('search').hidden")
            try page.press("Escape")
            try page.wait("document.getElementById('search').hidden")
            try page.press("Escape")
            try page.press("/")
            for letter in "web-13" { try page.press(String(letter)) }
            try page.wait(
                "document.querySelector('[data-id=\"host/link/br0/nodes\"]').getAttribute('class') === 'found'")
            try expect(try page.number("document.querySelectorAll('.found').length") == 1, "another box has it, too")
            try page.press("Escape")
            try page.value("document.querySelector('[data-id=\"host/link/br0/nodes\"]').focus()")
            try page.press("Enter")
            try page.wait("document.getElementById('panel').textContent.includes('web-27')")
            try page.press("Escape")
            try page.value("document.querySelector('[data-id=host]').focus()")
            try page.press("Enter")
            try page.wait("document.getElementById('panel').textContent.includes('port of br0')")
        },
        Case(name: "an address without the token is told why") { bench in
            try bench.page.open("http://127.0.0.1:\(bench.server.port)/")
            try bench.page.wait("document.getElementById('note')?.textContent.includes('no token')")
        },
        Case(name: "a server that hangs is as lost as one that died") { bench in
            try bench.live("after")
            bench.server.hangs = true
            try bench.page.wait(
                "document.getElementById('note').textContent.startsWith('Lost the connection')", seconds: 3)
            bench.server.hangs = false
            try bench.page.wait("document.getElementById('note').textContent === ''", seconds: 6)
        },
        Case(name: "on paper only the picture, the table and the panels are left") { bench in
            try bench.still("after", step: 7)
            try bench.page.media(dark: true, print: true)
            try expect(
                try bench.page.holds(
                    "['form', 'tools', 'time'].every((id) => !document.getElementById(id).checkVisibility()) && document.getElementById('picture').checkVisibility() && berthLook.colour('bg') === '#FFFFFF'"
                ), "there is more, or it is dark")
        },
        Case(name: "tasks: done, current and open in words, and what the check saw") { bench in
            let page = bench.page
            try bench.live("before")
            let tasks = try bench.state("before")["tasks"] as? [[String: Any]] ?? []
            try expect(
                try page.number("document.querySelectorAll('#tasks li').length") == Double(tasks.count), "other tasks")
            try expect(
                try page.number("document.querySelectorAll('#tasks li[aria-current]').length") == 1,
                "no task is the current one")
            bench.server.answers["/lab/undo"] = Data(#"{"text":"undone: rule 4"}"#.utf8)
            try page.value("document.getElementById('undo').click()")
            try page.wait("document.getElementById('answer').textContent === 'undone: rule 4'")
            bench.server.answers["/lab/hint"] = Data(
                "{\"task\":\((tasks.first { $0["state"] as? String == "current" })?["number"] ?? 0),\"level\":1,\"text\":\"look here\"}"
                    .utf8)
            try page.value("document.getElementById('hint').click()")
            try page.wait("document.querySelector('#tasks li[aria-current]').textContent.includes('Hint: look here')")
            bench.server.tell(
                "task", try bench.data(tasks.map { task in task.merging(["state": "done"]) { _, new in new } }))
            try page.wait("document.querySelectorAll('#tasks li.done').length === \(tasks.count)")
        },
    ]
}

final class Counter: @unchecked Sendable {
    private let lock = NSLock()
    private var count = -1
    var value: Int { lock.withLock { count } }
    func set(_ value: Int) { lock.withLock { count = value } }
}

extension Bench {
    /// A killed server is said by the browser itself; nothing else may be.
    func mayComplain(_ words: String) -> Bool {
        words.contains("status of 403") || words.contains("ERR_CONNECTION_REFUSED")
            || words.contains("ERR_CONNECTION_RESET")
            || words.contains("ERR_INCOMPLETE_CHUNKED") || words.contains("ERR_EMPTY_RESPONSE")
    }
}

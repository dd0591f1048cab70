import Foundation

var keyCases: [Case] {
    [
        Case(name: "Tab goes from send by the boxes in path order and the gates to the table") { bench in
            let page = bench.page
            try bench.live("after")
            try page.press("s")
            try page.wait("document.querySelector('#rows tr[data-step]')")
            try page.press("ArrowRight")
            try page.value("document.getElementById('send').focus()")
            var order: [String] = []
            for _ in 0..<60 {
                order.append(
                    try page.text(
                        "((node) => node.dataset.id || node.id || node.dataset.step && 'row' || node.dataset.key || '')(document.activeElement)"
                    ))
                try page.press("Tab")
            }
            // One round.
            if let again = order.dropFirst().firstIndex(of: "send") { order = Array(order[..<again]) }
            let wanted = [
                "send", "client", "inet", "host", "web", "app", "host/gate/prerouting", "host/gate/forward",
                "host/link/br0", "on", "row",
            ]
            var place = 0
            for name in wanted {
                guard let found = order[place...].firstIndex(of: name) else {
                    throw Failure("\(name) does not come after \(wanted.prefix { $0 != name }.last ?? ""): \(order)")
                }
                place = found
            }
            try bench.none("berthLook.nameless()", "without a name")
            let gate = try page.text(
                "document.querySelector('[data-id=\"host/gate/forward\"]').getAttribute('aria-label')")
            try expect(gate == "host, gate forward, 2 rules, policy drop", "the gate's name is \"\(gate)\"")
            try expect(
                try page.holds(
                    "[...document.querySelectorAll('#picture [tabindex]')].every((node) => node.getAttribute('role') === 'button' && node.tabIndex === 0)"
                ), "a thing of the picture has no role")
            try expect(
                try page.holds("document.getElementById('say').getAttribute('aria-live') === 'polite'"), "no live line")
        },
        Case(name: "each key does what the list says") { bench in
            let page = bench.page
            try bench.live("after")
            let count = try bench.steps("after").count
            // s sends the packet; the answer's journey plays.
            try page.press("s")
            try page.wait("document.getElementById('count').textContent.endsWith('/\(count)')")
            try expect(
                bench.server.requests.contains {
                    $0.path == "/probe" && $0.body.contains("198.51.100.2") && $0.body.contains("8080")
                }, "s sent no probe")
            try page.wait("document.getElementById('play').getAttribute('aria-label') === 'pause'")
            try page.press(" ")
            try expect(
                try page.text("document.getElementById('play').getAttribute('aria-label')") == "play",
                "Space does not pause")
            try page.press(" ")
            try expect(
                try page.text("document.getElementById('play').getAttribute('aria-label')") == "pause",
                "Space does not play")
            let counted = { (step: Int) in "document.getElementById('count').textContent === 'step \(step)/\(count)'" }
            try page.press("End")
            try page.wait(counted(count))
            try page.press("ArrowLeft")
            try page.wait(counted(count - 1))
            try page.press("ArrowRight")
            try page.wait(counted(count))
            try page.press("Home")
            try page.wait(counted(0))
            try page.press("d")
            try page.wait(
                "document.querySelector('.tree') && document.getElementById('diff').getAttribute('aria-pressed') === 'true'"
            )
            try expect(
                try page.number("document.querySelectorAll('.tree > details').length") == Double(count),
                "the diff view has other steps")
            try expect(
                try page.holds(
                    "[...document.querySelectorAll('.tree details details[open]')].every((part) => part.querySelector('.changed'))"
                ), "a part that did not change is open")
            try page.press("d")
            try page.wait("!document.querySelector('.tree') && document.querySelector('#rows table')")
            try page.press("g")
            try page.wait(
                "!document.getElementById('panel').hidden && document.getElementById('panel').textContent.includes('GOAL')"
            )
            try page.press("Escape")
            try page.wait("document.getElementById('panel').hidden")
            try page.press("?")
            try page.wait("document.querySelectorAll('#panel kbd').length === 12")
            try page.press("Escape")
            try page.wait("document.getElementById('panel').hidden")
            try page.press("/")
            try page.wait("document.activeElement.id === 'search'")
            for letter in ["w", "e", "b"] { try page.press(letter) }
            try page.wait(
                "document.querySelector('[data-id=web]').getAttribute('class') === 'found' && document.querySelector('[data-id=client]').getAttribute('class') === 'dim'"
            )
            try page.press("Escape")
            try page.wait("document.getElementById('search').hidden && !document.querySelector('.dim')")
            bench.server.answers["/lab/check"] = Data(#"{"text":"checked"}"#.utf8)
            bench.server.answers["/lab/hint"] = Data(#"{"task":99,"level":1,"text":"look at the gate"}"#.utf8)
            try page.press("h")
            try page.wait("document.getElementById('answer').textContent === 'look at the gate'")
            try page.press("c")
            try page.wait("document.getElementById('answer').textContent === 'checked'")
            try expect(bench.server.requests.contains { $0.path == "/lab/check" }, "c did not check")
            try expect(bench.server.requests.contains { $0.path == "/lab/hint" }, "h asked for no hint")
            try page.press("t")
            try page.wait("document.documentElement.dataset.theme === 'dark' && berthLook.colour('bg') === '#11151A'")
            // Remembered: the next visit begins dark.
            try page.open(bench.server.address)
            try page.ready()
            try expect(try page.text("document.documentElement.dataset.theme") == "dark", "the theme is not remembered")
            try page.press("t")
            try page.wait("document.documentElement.dataset.theme === 'light'")
            try page.value("localStorage.clear()")
        },
        Case(name: "arrows move along the cables, Enter opens, Esc gives the focus back") { bench in
            let page = bench.page
            try bench.live("after")
            let focus = { try page.text("document.activeElement.dataset.id") }
            try page.value("document.querySelector('[data-id=client]').focus()")
            try page.press("ArrowRight")
            try expect(try focus() == "inet", "right of client is \(try focus())")
            try page.press("ArrowRight")
            try expect(try focus() == "host" || (try focus()).hasPrefix("host/"), "right of inet is \(try focus())")
            try page.value("document.querySelector('[data-id=\"host/gate/prerouting\"]').focus()")
            try page.press("ArrowDown")
            try expect(try focus() == "host/gate/forward", "below prerouting is \(try focus())")
            try page.press("Enter")
            try page.wait("!document.getElementById('panel').hidden")
            try expect(
                try page.number("document.querySelectorAll('#panel [data-rule]').length") == 2,
                "the gate's two rules are not listed")
            try page.press("Escape")
            try expect(try focus() == "host/gate/forward", "Esc gave the focus to \(try focus())")
            try expect(
                try page.text("document.getElementById('count').textContent").hasPrefix("step 0"),
                "an arrow in the picture stepped")
        },
        Case(name: "a gate's list has counters that move and the mark of the rule that matched") { bench in
            let page = bench.page
            try bench.live("after")
            try page.press("s")
            try page.wait("!document.getElementById('play').disabled")
            try page.press("Home")
            let steps = try bench.steps("after")
            guard
                let matched = steps.firstIndex(where: {
                    $0["at"] as? String == "hook:forward" && $0["kind"] as? String == "rule"
                })
            else { throw Failure("the fixture has no rule at forward") }
            let handle = (steps[matched]["handle"] as? NSNumber)?.intValue ?? -1
            try page.value(
                "document.querySelector('[data-id=\"host/gate/forward\"]').dispatchEvent(new MouseEvent('click', { bubbles: true }))"
            )
            try page.wait("!document.getElementById('panel').hidden")
            try page.value("document.activeElement.blur()")
            for _ in 0...matched { try page.press("ArrowRight") }
            try page.wait("document.querySelector('#panel [aria-current]')?.dataset.rule === '\(handle)'")
            try expect(
                try page.text("document.querySelector('#panel [aria-current]').textContent").hasPrefix("►"),
                "the matched rule has no mark")
            // A new state with another counter: what moved is marked for a second.
            var state = try bench.state("after")
            var rules = state["rules"] as? [String: [[String: Any]]] ?? [:]
            rules["host"] = rules["host"]?.map { chain in
                var chain = chain
                chain["rules"] = (chain["rules"] as? [[String: Any]] ?? []).map { rule in
                    var rule = rule
                    if (rule["handle"] as? NSNumber)?.intValue == handle { rule["packets"] = 77 }
                    return rule
                }
                return chain
            }
            state["rules"] = rules
            bench.server.tell("state", try bench.data(state))
            try page.wait("document.querySelector('#panel .moved')?.textContent === '77 packets'")
            try page.wait("!document.querySelector('#panel .moved')", seconds: 3)
        },
        Case(
            name: "a bridge's table is folded into its count; Enter and the mouse open it, with its ports, and it lives"
        ) { bench in
            let page = bench.page
            try bench.live("after")
            let bridge = "document.querySelector('[data-id=\"host/link/br0\"]')"
            let rows =
                "[...document.querySelectorAll('#panel tbody tr')].map((row) => [...row.cells].map((cell) => cell.textContent).join(' '))"
            var state = try bench.state("after")
            let count = try bench.table(&state) { _ in }
            try expect(count >= 5, "the fixture's bridge has \(count) entries")
            try expect(
                try page.text("\(bridge).getAttribute('aria-label')")
                    == "host, bridge br0, 2 ports, forwarding table of \(count)", "its name is another")
            try expect(
                try page.text("\(bridge).querySelector('text').textContent") == "FDB \(count)",
                "no count in the picture")
            try expect(
                try page.holds(
                    "document.getElementById('panel').hidden && !document.body.innerText.includes('02:00:00:00:04:01')"),
                "the table is not folded")
            try page.value("\(bridge).focus()")
            try page.press("Enter")
            try page.wait("!document.getElementById('panel').hidden && document.activeElement.id === 'panel'")
            try expect(
                try page.texts("[...document.querySelectorAll('#panel dt')].map((node) => node.textContent)")
                    == ["1 vweb", "2 vapp"], "other ports")
            let told = try page.texts(rows)
            try expect(
                told.count == count && told.contains("02:00:00:00:04:01 vweb learned web eth0")
                    && told.contains("02:00:00:00:03:01 br0 permanent host br0"), "the table says \(told)")
            try expect(
                try page.holds(
                    "document.getElementById('panel').getAttribute('aria-labelledby') && document.getElementById('panel-title').textContent === 'host: bridge br0'"
                ),
                "the panel has no name")
            try bench.none("berthLook.nameless()", "without a name")
            // web's frames come in at the other port, and app's are forgotten.
            _ = try bench.table(&state) { table in
                table = table.filter { $0["mac"] as? String != "02:00:00:00:05:01" }.map { entry in
                    entry["mac"] as? String == "02:00:00:00:04:01"
                        ? entry.merging(["port": "vapp", "vlan": 7]) { _, new in new } : entry
                }
            }
            bench.server.tell("state", try bench.data(state))
            try page.wait("\(rows).includes('02:00:00:00:04:01 vapp vlan 7 learned web eth0')")
            try expect(try page.texts(rows).count == count - 1, "what was forgotten is told")
            try expect(
                try page.text("\(bridge).getAttribute('aria-label')").hasSuffix(" \(count - 1)"), "the old count")
            try page.press("Escape")
            try expect(
                try page.text("document.activeElement.dataset.id") == "host/link/br0", "Esc gave the focus elsewhere")
            // The bar is thin: beside it the mouse finds it, too.
            let place = try page.texts(
                "(({ x, y, width }) => [x + width / 2, y + 1])(\(bridge).querySelector('.ring').getBoundingClientRect()).map(String)"
            ).compactMap(Double.init)
            for kind in ["mousePressed", "mouseReleased"] {
                try page.send(
                    "Input.dispatchMouseEvent",
                    ["type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1])
            }
            try page.wait(
                "document.getElementById('panel-title')?.textContent === 'host: bridge br0' && !document.getElementById('panel').hidden"
            )
            // A map that was saved before has no table.
            _ = try bench.table(&state) { $0 = [] }
            bench.server.tell("state", try bench.data(state))
            try page.wait("!document.querySelector('#panel table td')")
        },
        Case(name: "what is pointed at in the picture marks its rows") { bench in
            let page = bench.page
            try bench.still("after")
            let marked = "[...document.querySelectorAll('#rows tr.met')].map((row) => row.cells[1].textContent)"
            for (id, wanted) in [("host/gate/forward", Set(["host forward"])), ("host/link/br0", ["host br0"])] {
                try page.value("document.querySelector('[data-id=\"\(id)\"]').focus()")
                try expect(Set(try page.texts(marked)) == wanted, "\(id) marks \(try page.texts(marked))")
            }
            try page.value(
                "document.querySelector('[data-id=web] .frame').dispatchEvent(new MouseEvent('mouseover', { bubbles: true }))"
            )
            let found = try page.texts(marked)
            try expect(!found.isEmpty && found.allSatisfy { $0.hasPrefix("web ") }, "web marks \(found)")
        },
        Case(name: "rows and picture lead to each other") { bench in
            let page = bench.page
            try bench.still("after")
            try page.value("document.querySelector('tr[data-step=\"6\"]').click()")
            try page.wait("document.getElementById('count').textContent.startsWith('step 6/')")
            try expect(
                try page.holds(
                    "document.querySelector('[data-id=\"host/gate/prerouting\"]').classList.contains('now')"),
                "the picture does not show the row's place")
            try page.value("document.activeElement.blur()")
            try page.press("ArrowRight")
            try page.wait("document.querySelector('tr[aria-current]').dataset.step === '7'")
            let said = try page.text("document.getElementById('say').textContent")
            try expect(
                said
                    == "Step 7 of \(try bench.steps("after").count): host, prerouting changed the destination from 198.51.100.2:8080 to 10.88.0.2:80.",
                "said: \(said)")
        },
        Case(name: "the card moves between stops and waits 600 ms at gates; with reduced motion it only steps") {
            bench in
            let page = bench.page
            try bench.live("after", moves: true)
            // The places of the card by frame, with their times.
            let record =
                "window.spots_ = []; const look = () => { const card = document.getElementById('card'); if (card) spots_.push([performance.now(), card.getAttribute('transform'), document.getElementById('count').textContent]); requestAnimationFrame(look); }; look(); 0"
            try page.value(record)
            try page.press("s")
            let gate = (try bench.steps("after").firstIndex { $0["at"] as? String == "hook:prerouting" } ?? 0) + 1
            try page.wait("document.getElementById('count').textContent.startsWith('step \(gate + 2)/')", seconds: 20)
            try page.press(" ")
            let places = try page.number("new Set(spots_.map((item) => item[1])).size")
            try expect(places > 30, "it was at \(places) places only")
            let pause = try page.number(
                "((at) => at[at.length - 1][0] - at.find((item) => item[1] === at[at.length - 1][1])[0])(spots_.filter((item) => item[2].startsWith('step \(gate)/')))"
            )
            try expect(pause >= 540 && pause < 2000, "it stood \(pause) ms at the gate")
            try page.media(dark: false, moves: false)
            try page.press("Home")
            try page.value("spots_.length = 0")
            try page.press(" ")
            try page.wait("document.getElementById('count').textContent.startsWith('step 3/')", seconds: 10)
            try page.press(" ")
            let calm = try page.number("new Set(spots_.map((item) => item[1])).size")
            try expect(calm <= 4, "with reduced motion it was at \(calm) places")
        },
    ]
}

extension Bench {
    /// The table of host's br0 in a state, changed; gives how many entries it has then.
    func table(_ state: inout [String: Any], _ change: (inout [[String: Any]]) -> Void) throws -> Int {
        var map = state["map"] as? [String: Any] ?? [:]
        var count = -1
        map["nodes"] = (map["nodes"] as? [[String: Any]] ?? []).map { node in
            var node = node
            guard node["name"] as? String == "host" else { return node }
            node["links"] = (node["links"] as? [[String: Any]] ?? []).map { link in
                var link = link
                guard link["name"] as? String == "br0", var table = link["fdb"] as? [[String: Any]] else { return link }
                change(&table)
                count = table.count
                (link["fdb"], link["fdb_count"]) = (table, count)
                return link
            }
            return node
        }
        state["map"] = map
        return count
    }
}

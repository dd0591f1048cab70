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
                "send", "client", "inet", "host", "web", "app", "host/gate/prerouting", "host/gate/forward", "on",
                "row",
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

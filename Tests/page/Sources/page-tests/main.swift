import Foundation

/// The command line: where things are, and what to do.
struct Options {
    var berth = ""
    var page = "Sources/View/Page/page.html"
    var fixtures = "Tests/page/fixtures"
    var screens = "docs/screens"
    var artifacts = "build/page-tests"
    var chromium = "/usr/bin/chromium"
    var only = ""
    /// Of which the worlds are looked at, beside lesson 07.
    var lessons = ["02", "09", "13"]
    var updates = false

    init(_ arguments: [String]) throws {
        var rest = arguments.dropFirst()
        while let word = rest.popFirst() {
            switch word {
            case "--update": updates = true
            case "--berth", "--page", "--fixtures", "--screens", "--artifacts", "--chromium", "--only", "--lessons":
                guard let value = rest.popFirst() else { throw Failure("\(word) wants a value") }
                switch word {
                case "--berth": berth = value
                case "--page": page = value
                case "--fixtures": fixtures = value
                case "--screens": screens = value
                case "--artifacts": artifacts = value
                case "--chromium": chromium = value
                case "--lessons": lessons = value.split(separator: ",").map(String.init)
                default: only = value
                }
            default:
                throw Failure(
                    "page-tests knows --berth, --page, --fixtures, --screens, --artifacts, --chromium FILE, --only WORD, --lessons 02,09 and --update, not \(word)"
                )
            }
        }
    }
}

/// Fonts of fonts-dejavu alone, so that pictures are the same on every machine.
let fontConfiguration = """
    <?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig><dir>/usr/share/fonts/truetype/dejavu</dir><cachedir>CACHE</cachedir>
    <alias binding="same"><family>system-ui</family><prefer><family>DejaVu Sans</family></prefer></alias>
    <alias binding="same"><family>sans-serif</family><prefer><family>DejaVu Sans</family></prefer></alias>
    <alias binding="same"><family>ui-monospace</family><prefer><family>DejaVu Sans Mono</family></prefer></alias>
    <alias binding="same"><family>monospace</family><prefer><family>DejaVu Sans Mono</family></prefer></alias>
    <match target="pattern"><edit name="family" mode="append_last"><string>DejaVu Sans</string></edit></match>
    </fontconfig>
    """

/// Does it again in a network namespace of its own, where no server but ours answers. Returns the exit code.
func runInPrivateNetwork() -> Int32 {
    setenv("BERTH_PAGE_TESTS_INSIDE", "1", 1)
    let user = getuid() == 0 ? "" : "-r "
    let inner = "ip link set lo up && exec \"$0\" \"$@\""
    let words =
        ["/bin/sh", "-c", "exec unshare \(user)-n -m /bin/sh -c '\(inner)' \"$0\" \"$@\"", "/proc/self/exe"]
        + CommandLine.arguments.dropFirst()
    var argv: [UnsafeMutablePointer<CChar>?] =
        words.enumerated().map {
            strdup($0.offset == 3 ? Bundle.main.executablePath ?? CommandLine.arguments[0] : $0.element)
        } + [nil]
    execv("/bin/sh", &argv)
    return 127
}

func run() throws -> Int32 {
    let options = try Options(CommandLine.arguments)
    let scratch = NSTemporaryDirectory() + "page-tests-\(getpid())"
    for folder in [scratch, options.artifacts, options.screens] {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }
    defer { try? FileManager.default.removeItem(atPath: scratch) }
    try fontConfiguration.replacingOccurrences(of: "CACHE", with: "\(scratch)/fonts").write(
        toFile: "\(scratch)/fonts.conf", atomically: true, encoding: .utf8)
    let pageText = try String(contentsOfFile: options.page, encoding: .utf8)
    let server = try FixtureServer(page: pageText)
    let chromium = try Chromium(program: options.chromium, scratch: scratch)
    defer { chromium.end() }
    let bench = try Bench(chromium: chromium, server: server, pageText: pageText, options: options)
    // The whole run is bounded, whatever a case waits for.
    let deadline = now() + 330
    var failed = 0
    let chosen = allCases.filter { options.only.isEmpty || $0.name.contains(options.only) }
    guard !chosen.isEmpty else { throw Failure("no case has \"\(options.only)\" in its name") }
    for test in chosen {
        guard now() < deadline else { throw Failure("the cases did not end within 330 s") }
        let start = now()
        do {
            try bench.freshPage()
            try test.body(bench)
            let complaints = try bench.page.complaints().filter { !bench.mayComplain($0) }
            try expect(complaints.isEmpty, "the console is not empty: \(complaints.prefix(3).joined(separator: "; "))")
            let foreign = bench.page.requests().filter {
                !$0.hasPrefix("http://127.0.0.1:") && !$0.hasPrefix("data:") && $0 != "about:blank"
            }
            try expect(foreign.isEmpty, "asked elsewhere: \(foreign.prefix(3))")
            say("✓ \(test.name) (\(String(format: "%.1f", now() - start)) s)")
        } catch {
            failed += 1
            say("FAILED \(test.name): \(error)")
            if let picture = try? bench.page.screenshot() {
                try? picture.write(
                    to: URL(
                        fileURLWithPath:
                            "\(options.artifacts)/\(test.name.prefix(40).replacingOccurrences(of: " ", with: "-").replacingOccurrences(of: "/", with: "-")).png"
                    ))
            }
        }

    }
    say(
        failed == 0
            ? "\(chosen.count) cases held"
            : "\(failed) of \(chosen.count) cases failed; pictures of them are in \(options.artifacts)")
    return failed == 0 ? 0 : 1
}

do {
    exit(getenv("BERTH_PAGE_TESTS_INSIDE") == nil ? runInPrivateNetwork() : try run())
} catch {
    FileHandle.standardError.write(Data("page-tests: \(error)\n".utf8))
    exit(2)
}

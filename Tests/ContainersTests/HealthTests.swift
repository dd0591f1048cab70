import JSON
import Testing

@testable import Containers
@testable import Images

@Suite("Health checks as Docker has them (runtime.md 3)")
struct HealthTests {
    private func check(_ text: String) throws -> HealthCheck? {
        try HealthCheck(["Healthcheck": JSON(parsing: Array(text.utf8))])
    }

    @Test("defaults are docker's, and NONE, nothing and an empty test are no check")
    func defaults() throws {
        let one = try #require(try check(#"{"Test": ["CMD-SHELL", "test -e /x"]}"#))
        #expect(one.arguments == ["/bin/sh", "-c", "test -e /x"])
        #expect(one.interval == 30_000_000_000 && one.timeout == 30_000_000_000 && one.retries == 3)
        #expect(one.startPeriod == 0 && one.startInterval == 5_000_000_000)
        #expect(try check(#"{"Test": ["CMD", "a", "b c"], "Retries": 5}"#)?.arguments == ["a", "b c"])
        for text in [#"{"Test": ["NONE"]}"#, "{}", "null", #"{"Test": [], "Interval": 1000000}"#] {
            #expect(try check(text) == nil, "\(text)")
        }
        #expect(
            try HealthCheck(["Shell": ["/bin/ash", "-ec"], "Healthcheck": ["Test": ["CMD-SHELL", "x"]]])?.arguments
                == ["/bin/ash", "-ec", "x"])
    }

    @Test("what the image says stands where the request says nothing, zero or an empty list")
    func merged() {
        let image: JSON = ["Test": ["CMD", "true"], "Interval": 5, "Retries": 2]
        #expect(HealthCheck.merged(nil, over: image) == image)
        #expect(HealthCheck.merged(.null, over: image) == image)
        #expect(HealthCheck.merged(["Test": ["NONE"]], over: nil) == ["Test": ["NONE"]])
        let merged = HealthCheck.merged(["Test": [], "Interval": 0, "Retries": 4], over: image)?.object
        #expect(merged?["Test"] == ["CMD", "true"] && merged?["Interval"] == 5 && merged?["Retries"] == 4)
        #expect(HealthCheck.merged(["Test": ["NONE"]], over: image)?["Test"] == ["NONE"])
    }

    @Test(
        "HEALTHCHECK of a Dockerfile",
        arguments: [
            ("NONE", ["Test": ["NONE"]]), ("CMD test -e /x  && y", ["Test": ["CMD-SHELL", "test -e /x  && y"]]),
            (
                #"--interval=1m30s --retries=2 CMD ["a", "b c"]"#,
                ["Interval": 90_000_000_000, "Retries": 2, "Test": ["CMD", "a", "b c"]]
            ),
            (
                "--timeout=1.5s  --start-period=250ms --start-interval=0 cmd x",
                ["Timeout": 1_500_000_000, "StartPeriod": 250_000_000, "StartInterval": 0, "Test": ["CMD-SHELL", "x"]]
            ),
        ] as [(String, JSON)])
    func dockerfile(_ text: String, _ expected: JSON) throws {
        var changes = ImageChanges(JSONObject())
        try changes.apply("HEALTHCHECK \(text)")
        #expect(changes.config["Healthcheck"] == expected)
    }

    @Test(
        "a HEALTHCHECK that is written wrong is refused",
        arguments: [
            "CMD", "CMD []", "NONE x", "--interval=1s NONE", "--interval=1us CMD x", "--interval=5 CMD x",
            "--retries=-1 CMD x",
            "--often CMD x", "curl x",
        ])
    func wrongDockerfile(_ text: String) {
        var changes = ImageChanges(JSONObject())
        #expect(throws: ImageError.self) { try changes.apply("HEALTHCHECK \(text)") }
    }

    private func result(_ code: Int64, _ second: Int) -> Health.Result {
        Health.Result(
            start: Moment(seconds: second, nanoseconds: 0), end: Moment(seconds: second, nanoseconds: 5),
            exitCode: code,
            output: "\(second)")
    }

    @Test(
        "so many failures in a row make it unhealthy, one success well; those of the start period do not count before")
    func streaks() throws {
        let one = try #require(
            try check(#"{"Test": ["CMD", "a"], "Retries": 2, "StartPeriod": 10000000000, "Interval": 60000000000}"#))
        let begin = Moment(seconds: 100, nanoseconds: 0)
        var health = Health()
        for second in 101...109 { health.take(result(1, second), one, startedAt: begin) }
        #expect(health.status == .starting && health.failures == 0 && health.words == "health: starting")
        #expect(health.log.map(\.output) == ["105", "106", "107", "108", "109"])
        #expect(one.pause(after: 9_999_999_999, .starting) == 5_000_000_000)
        #expect(one.pause(after: 9_999_999_999, .healthy) == 60_000_000_000)
        #expect(one.pause(after: 10_000_000_000, .starting) == 60_000_000_000)
        health.take(result(0, 109), one, startedAt: begin)
        #expect(health.status == .healthy)
        // It was well once: now they count, also in the start period.
        health.take(result(1, 109), one, startedAt: begin)
        #expect(health.status == .healthy && health.failures == 1)
        health.take(result(0, 111), one, startedAt: begin)
        health.take(result(1, 112), one, startedAt: begin)
        #expect(health.failures == 1)
        health.take(result(-1, 113), one, startedAt: begin)
        #expect(health.status == .unhealthy && health.failures == 2)
        #expect(Health(health.json) == health, "it is read as it is written")
    }

    @Test("output is both streams, in their order, without the frames, whatever pieces they come in")
    func output() {
        func frame(_ stream: UInt8, _ text: String) -> [UInt8] {
            [stream, 0, 0, 0, 0, 0, UInt8(text.utf8.count >> 8), UInt8(text.utf8.count & 255)] + Array(text.utf8)
        }
        let bytes = frame(1, "one ") + frame(2, "") + frame(2, "two ") + frame(1, String(repeating: "x", count: 300))
        for size in [1, 3, 7, 8, 9, 1000] {
            var output = HealthOutput()
            for start in stride(from: 0, to: bytes.count, by: size) {
                output.take(bytes[start..<min(bytes.count, start + size)])
            }
            #expect(output.text == "one two " + String(repeating: "x", count: 300), "in pieces of \(size)")
        }
        var long = HealthOutput()
        for _ in 0..<20 { long.take(frame(1, String(repeating: "y", count: 255))[...]) }
        #expect(long.text == String(repeating: "y", count: 4096) + "...")
    }

    @Test(
        "a span of time in docker's words",
        arguments: [
            (1_000_000, "1ms"), (1_500_000, "1.5ms"), (300_000_000, "300ms"), (1_000_000_000, "1s"),
            (1_250_000_000, "1.25s"), (90_000_000_000, "1m30s"), (60_000_000_000, "1m0s"),
            (3_600_000_000_000, "1h0m0s"),
        ] as [(Int64, String)])
    func spans(_ nanoseconds: Int64, _ words: String) { #expect(HealthCheck.words(nanoseconds) == words) }
}

import Foundation

/// What did not hold, in words.
struct Failure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

func expect(_ holds: Bool, _ words: @autoclosure () throws -> String) throws {
    if !holds { throw Failure(try words()) }
}

func now() -> Double { ProcessInfo.processInfo.systemUptime }

/// A value as JavaScript writes it.
func quoted(_ text: String) -> String {
    let data = try? JSONSerialization.data(withJSONObject: [text])
    return String(String(decoding: data ?? Data("[\"\"]".utf8), as: UTF8.self).dropFirst().dropLast())
}

/// A line on standard output, at once.
func say(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }

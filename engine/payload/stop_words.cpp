#include "engine/payload/stop_words.h"

#include <algorithm>
#include <array>
#include <utility>

namespace orthant {
namespace {

constexpr std::string_view kEnglish[] = {
    "i",         "me",      "my",       "myself", "we",         "our",      "ours",       "ourselves", "you",     "you're",
    "you've",    "you'll",  "you'd",    "your",   "yours",      "yourself", "yourselves", "he",        "him",     "his",
    "himself",   "she",     "she's",    "her",    "hers",       "herself",  "it",         "it's",      "its",     "itself",
    "they",      "them",    "their",    "theirs", "themselves", "what",     "which",      "who",       "whom",    "this",
    "that",      "that'll", "these",    "those",  "am",         "is",       "are",        "was",       "were",    "be",
    "been",      "being",   "have",     "has",    "had",        "having",   "do",         "does",      "did",     "doing",
    "a",         "an",      "the",      "and",    "but",        "if",       "or",         "because",   "as",      "until",
    "while",     "of",      "at",       "by",     "for",        "with",     "about",      "against",   "between", "into",
    "through",   "during",  "before",   "after",  "above",      "below",    "to",         "from",      "up",      "down",
    "in",        "out",     "on",       "off",    "over",       "under",    "again",      "further",   "then",    "once",
    "here",      "there",   "when",     "where",  "why",        "how",      "all",        "any",       "both",    "each",
    "few",       "more",    "most",     "other",  "some",       "such",     "no",         "nor",       "not",     "only",
    "own",       "same",    "so",       "than",   "too",        "very",     "s",          "t",         "can",     "will",
    "just",      "don",     "don't",    "should", "should've",  "now",      "d",          "ll",        "m",       "o",
    "re",        "ve",      "y",        "ain",    "aren",       "aren't",   "couldn",     "couldn't",  "didn",    "didn't",
    "doesn",     "doesn't", "hadn",     "hadn't", "hasn",       "hasn't",   "haven",      "haven't",   "isn",     "isn't",
    "ma",        "mightn",  "mightn't", "mustn",  "mustn't",    "needn",    "needn't",    "shan",      "shan't",  "shouldn",
    "shouldn't", "wasn",    "wasn't",   "weren",  "weren't",    "won",      "won't",      "wouldn",    "wouldn't"};

constexpr std::string_view kGerman[] = {
    "aber",  "alle",  "als",    "also",   "am",     "an",     "ander",  "andere",  "auch",  "auf",    "aus",    "bei",   "bin",
    "bis",   "bist",  "da",     "damit",  "dann",   "das",    "dass",   "dein",    "deine", "dem",    "den",    "denn",  "der",
    "des",   "dich",  "die",    "dies",   "diese",  "dieser", "dieses", "dir",     "doch",  "dort",   "du",     "durch", "ein",
    "eine",  "einem", "einen",  "einer",  "eines",  "er",     "es",     "etwas",   "euch",  "euer",   "eure",   "gegen", "hab",
    "habe",  "haben", "hat",    "hatte",  "hatten", "hier",   "hin",    "hinter",  "ich",   "ihm",    "ihn",    "ihnen", "ihr",
    "ihre",  "im",    "in",     "ins",    "ist",    "ja",     "jede",   "jeder",   "jedes", "jener",  "jetzt",  "kann",  "kein",
    "keine", "man",   "mein",   "meine",  "mich",   "mir",    "mit",    "nach",    "nicht", "nichts", "noch",   "nun",   "nur",
    "ob",    "oder",  "ohne",   "sehr",   "sein",   "seine",  "sich",   "sie",     "sind",  "so",     "solche", "soll",  "sondern",
    "sonst", "um",    "und",    "uns",    "unser",  "unter",  "viel",   "vom",     "von",   "vor",    "war",    "waren", "warst",
    "was",   "weg",   "weil",   "weiter", "welche", "wenn",   "werde",  "werden",  "wie",   "wieder", "will",   "wir",   "wird",
    "wirst", "wo",    "wollen", "zu",     "zum",    "zur",    "zwar",   "zwischen"};

constexpr std::string_view kFrench[] = {"ai",          "as",          "au",       "aux",
                                        "avec",        "avez",        "avons",    "ce",
                                        "ces",         "cette",       "d",        "dans",
                                        "de",          "des",         "du",       "elle",
                                        "elles",       "en",          "es",       "est",
                                        "et",          "eu",          "il",       "ils",
                                        "j",           "je",          "l",        "la",
                                        "le",          "les",         "leur",     "leurs",
                                        "lui",         "m",           "ma",       "mais",
                                        "me",          "mes",         "moi",      "mon",
                                        "m\xC3\xAAme", "n",           "ne",       "nos",
                                        "notre",       "nous",        "on",       "ont",
                                        "ou",          "par",         "pas",      "pour",
                                        "qu",          "que",         "qui",      "s",
                                        "sa",          "se",          "ses",      "soi",
                                        "sommes",      "son",         "sont",     "suis",
                                        "sur",         "t",           "ta",       "te",
                                        "tes",         "toi",         "ton",      "tu",
                                        "un",          "une",         "vos",      "votre",
                                        "vous",        "y",           "\xC3\xA0", "\xC3\xA9t\xC3\xA9",
                                        "\xC3\xAAtes", "\xC3\xAAtre", "c",        "\xC3\xA9taient",
                                        "\xC3\xA9tait"};

constexpr std::string_view kSpanish[] = {"a",        "al",          "algo",
                                         "ante",     "antes",       "como",
                                         "con",      "contra",      "cual",
                                         "cuando",   "de",          "del",
                                         "desde",    "donde",       "durante",
                                         "e",        "el",          "ella",
                                         "ellas",    "ellos",       "en",
                                         "entre",    "era",         "es",
                                         "esa",      "ese",         "eso",
                                         "esta",     "este",        "esto",
                                         "estos",    "est\xC3\xA1", "est\xC3\xA1n",
                                         "fue",      "ha",          "han",
                                         "hasta",    "hay",         "la",
                                         "las",      "le",          "les",
                                         "lo",       "los",         "me",
                                         "mi",       "mis",         "mucho",
                                         "muy",      "m\xC3\xA1s",  "m\xC3\xAD",
                                         "nada",     "ni",          "no",
                                         "nos",      "nosotros",    "o",
                                         "os",       "otra",        "otro",
                                         "para",     "pero",        "poco",
                                         "por",      "porque",      "que",
                                         "quien",    "qu\xC3\xA9",  "se",
                                         "ser",      "si",          "sin",
                                         "sobre",    "son",         "su",
                                         "sus",      "s\xC3\xAD",   "tambi\xC3\xA9n",
                                         "tanto",    "te",          "tu",
                                         "tus",      "t\xC3\xBA",   "un",
                                         "una",      "uno",         "unos",
                                         "y",        "ya",          "yo",
                                         "\xC3\xA9l"};

constexpr std::string_view kItalian[] = {
    "a",          "ad",    "agli",   "ai",     "al",     "alla",    "alle",   "allo",  "anche",  "c",     "che",   "chi",
    "ci",         "come",  "con",    "cui",    "da",     "dal",     "dalla",  "dei",   "del",    "della", "delle", "dello",
    "di",         "dove",  "e",      "ed",     "era",    "gli",     "ha",     "hanno", "ho",     "i",     "il",    "in",
    "io",         "l",     "la",     "le",     "lei",    "li",      "lo",     "loro",  "lui",    "ma",    "mi",    "mia",
    "mio",        "ne",    "negli",  "nei",    "nel",    "nella",   "noi",    "non",   "nostro", "o",     "per",   "perch\xC3\xA9",
    "pi\xC3\xB9", "quale", "quando", "quella", "quello", "questa",  "questo", "se",    "sei",    "si",    "sia",   "sono",
    "su",         "sua",   "sul",    "sulla",  "suo",    "ti",      "tra",    "tu",    "tua",    "tuo",   "tutti", "tutto",
    "un",         "una",   "uno",    "vi",     "voi",    "\xC3\xA8"};

constexpr std::string_view kPortuguese[] = {"a",           "ao",           "aos",
                                            "aquela",      "aquele",       "aquilo",
                                            "as",          "at\xC3\xA9",   "com",
                                            "como",        "da",           "das",
                                            "de",          "dela",         "dele",
                                            "do",          "dos",          "e",
                                            "ela",         "elas",         "ele",
                                            "eles",        "em",           "entre",
                                            "era",         "essa",         "esse",
                                            "esta",        "este",         "est\xC3\xA1",
                                            "eu",          "foi",          "foram",
                                            "h\xC3\xA1",   "isso",         "isto",
                                            "j\xC3\xA1",   "lhe",          "mais",
                                            "mas",         "me",           "mesmo",
                                            "meu",         "minha",        "muito",
                                            "na",          "nas",          "nem",
                                            "no",          "nos",          "nossa",
                                            "nosso",       "n\xC3\xA3o",   "n\xC3\xB3s",
                                            "o",           "os",           "ou",
                                            "para",        "pela",         "pelo",
                                            "por",         "qual",         "quando",
                                            "que",         "quem",         "se",
                                            "sem",         "ser",          "seu",
                                            "seus",        "sua",          "suas",
                                            "s\xC3\xA3o",  "s\xC3\xB3",    "tamb\xC3\xA9m",
                                            "te",          "tem",          "tu",
                                            "tua",         "um",           "uma",
                                            "voc\xC3\xAA", "voc\xC3\xAAs", "\xC3\xA0",
                                            "\xC3\xA0s",   "\xC3\xA9"};

constexpr std::string_view kDutch[] = {
    "aan",   "al",     "alles", "als",  "altijd", "andere", "ben",  "bij",    "daar",  "dan",  "dat",    "de",    "der",   "deze",
    "die",   "dit",    "doch",  "doen", "door",   "dus",    "een",  "en",     "er",    "ge",   "geen",   "had",   "heb",   "hebben",
    "heeft", "hem",    "het",   "hier", "hij",    "hoe",    "hun",  "iemand", "iets",  "ik",   "in",     "is",    "ja",    "je",
    "kan",   "kon",    "maar",  "me",   "meer",   "men",    "met",  "mij",    "mijn",  "moet", "na",     "naar",  "niet",  "niets",
    "nog",   "nu",     "of",    "om",   "omdat",  "onder",  "ons",  "ook",    "op",    "over", "te",     "tegen", "toch",  "toen",
    "tot",   "u",      "uit",   "uw",   "van",    "veel",   "voor", "want",   "waren", "was",  "wat",    "werd",  "wezen", "wie",
    "wil",   "worden", "wordt", "zal",  "ze",     "zelf",   "zich", "zij",    "zijn",  "zo",   "zonder", "zou"};

using List = std::span<const std::string_view>;
struct Language {
  std::string_view name;
  List words;
};
constexpr std::array kLists = {
    Language{"english", kEnglish}, Language{"german", kGerman},         Language{"french", kFrench}, Language{"spanish", kSpanish},
    Language{"italian", kItalian}, Language{"portuguese", kPortuguese}, Language{"dutch", kDutch},
};

constexpr std::pair<std::string_view, std::string_view> kCodes[] = {
    {"ar", "arabic"},  {"hy", "armenian"},  {"da", "danish"},     {"nl", "dutch"},    {"en", "english"},
    {"fi", "finnish"}, {"fr", "french"},    {"de", "german"},     {"el", "greek"},    {"hu", "hungarian"},
    {"it", "italian"}, {"no", "norwegian"}, {"pt", "portuguese"}, {"ro", "romanian"}, {"ru", "russian"},
    {"es", "spanish"}, {"sv", "swedish"},   {"ta", "tamil"},      {"tr", "turkish"},
};

}  // namespace

std::string_view language_name(std::string_view language_or_code) {
  const auto* found = std::ranges::find(kCodes, language_or_code, [](const auto& code) { return code.first; });
  return found == std::end(kCodes) ? language_or_code : found->second;
}

std::span<const std::string_view> stop_words(std::string_view language) {
  const auto* found = std::ranges::find(kLists, language_name(language), &Language::name);
  return found == kLists.end() ? List() : found->words;
}

std::string_view stop_word_languages() {
  return "english, german, french, spanish, italian, portuguese, dutch";
}

}  // namespace orthant

# Reference values of the validation statistics, by R and pROC. Usage: Rscript statistics.R cases.csv > statistics.json
# cases.csv: hot (0/1), first, second (probabilities), other cohort: set (1 or 2).
suppressMessages(library(pROC))
d <- read.csv(commandArgs(TRUE)[1])
a <- d[d$set == 1, ]
r1 <- roc(a$hot, a$first, direction = "<", quiet = TRUE)
r2 <- roc(a$hot, a$second, direction = "<", quiet = TRUE)
paired <- roc.test(r1, r2, method = "delong", paired = TRUE)
youden <- coords(r1, "best", best.method = "youden", ret = c("threshold", "sensitivity", "specificity"), transpose = FALSE)
lp <- qlogis(pmin(pmax(a$first, 0.001), 0.999))
slope <- summary(glm(a$hot ~ lp, family = binomial, control = list(epsilon = 1e-14)))$coefficients
large <- summary(glm(a$hot ~ offset(lp), family = binomial, control = list(epsilon = 1e-14)))$coefficients
called <- a$first >= 0.5
counts <- list(accuracy = c(sum(called == a$hot), nrow(a)), ppv = c(sum(a$hot[called]), sum(called)),
               npv = c(sum(!a$hot[!called]), sum(!called)), sensitivity = c(sum(called[a$hot == 1]), sum(a$hot)),
               specificity = c(sum(!called[a$hot == 0]), sum(1 - a$hot)))
net <- sapply(c(0.1, 0.3, 0.5, 0.7), function(t) {
  w <- t / (1 - t); hit <- a$first >= t
  sum(hit & a$hot == 1) / nrow(a) - w * sum(hit & a$hot == 0) / nrow(a) })
num <- function(x) paste0("[", paste(sprintf("%.17g", as.numeric(x)), collapse = ", "), "]")
line <- function(name, x) sprintf("  \"%s\": %s", name, num(x))
out <- c(line("auc", c(ci.auc(r1, method = "delong")[c(2, 1, 3)], var(r1, method = "delong"))),
         line("paired", c(paired$statistic, paired$p.value, paired$conf.int)),
         line("youden", youden), line("slope", slope[2, 1:2]), line("intercept", large[1, 1:2]),
         line("brier", mean((a$first - a$hot)^2)), line("net_benefit", net))
for (name in names(counts)) {
  k <- counts[[name]]
  out <- c(out, line(name, c(k[1] / k[2], prop.test(k[1], k[2], correct = FALSE)$conf.int, binom.test(k[1], k[2])$conf.int)))
}
cat("{\n", sprintf("  \"versions\": \"R %s, pROC %s\",\n", getRversion(), packageVersion("pROC")), paste(out, collapse = ",\n"), "\n}\n", sep = "")

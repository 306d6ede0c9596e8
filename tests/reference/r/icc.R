# Writes icc.csv: ICC(2,1) with its interval of columns of R's dataset `iris`, taken for readers of the same flowers.
# Debian 12: apt-get install r-cran-psych (2.2.9). Run: Rscript tests/reference/r/icc.R > tests/reference/r/icc.csv
suppressMessages(library(psych))
cat("flowers,readers,icc,low,high\n")
for (flowers in c(12, 50, 150)) for (readers in 2:4) {
  found <- ICC(iris[seq_len(flowers), seq_len(readers)], lmer = FALSE)$results[2, ]
  numbers <- sapply(found[c("ICC", "lower bound", "upper bound")], format, digits = 15)
  cat(paste(c(flowers, readers, numbers), collapse = ","), "\n", sep = "")
}
